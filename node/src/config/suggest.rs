//! The name that was probably meant.

/// The nearest of `names` to `given`, if it is near enough to be a slip: at most a third of the longer
/// name's length must change. Letters that were left out are forgotten more easily than mistyped, so a
/// name that only has more counts as half as far.
pub fn nearest<'a>(given: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let given = given.to_lowercase();
    let far = |name: &str| {
        let name = name.to_lowercase();
        let distance = distance(&given, &name);
        if only_left_out(&given, &name) {
            distance.div_ceil(2)
        } else {
            distance
        }
    };
    names
        .into_iter()
        .map(|name| (far(name), name))
        .filter(|(distance, name)| *distance <= given.len().max(name.len()).div_ceil(3))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// Whether `given` is `name` with some letters missing.
fn only_left_out(given: &str, name: &str) -> bool {
    let mut rest = name.chars();
    given.chars().all(|letter| rest.any(|other| other == letter))
}

/// `; did you mean "x"?`, or nothing.
pub fn hint<'a>(given: &str, names: impl IntoIterator<Item = &'a str>) -> String {
    nearest(given, names).map_or_else(String::new, |name| format!("; did you mean \"{name}\"?"))
}

/// How many characters must be inserted or deleted; a replacement is one of each. In one row of memory.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let moved = (row[j + 1] + 1).min(row[j] + 1);
            let kept = if from == *to { diagonal } else { usize::MAX };
            diagonal = row[j + 1];
            row[j + 1] = moved.min(kept);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances() {
        for (a, b, expected) in [
            ("", "", 0),
            ("port", "port", 0),
            ("prot", "port", 2),
            ("port", "host", 4),
            ("p2p_prt", "p2p_port", 1),
            ("", "abc", 3),
            ("kitten", "sitting", 5),
        ] {
            assert_eq!(distance(a, b), expected, "{a} {b}");
            assert_eq!(distance(b, a), expected, "{b} {a}");
        }
    }

    #[test]
    fn only_a_slip_is_corrected() {
        let names = ["host", "p2p_port", "bootstrap_peers"];
        assert_eq!(nearest("p2p_prt", names), Some("p2p_port"));
        assert_eq!(nearest("bootstrap_peer", names), Some("bootstrap_peers"));
        assert_eq!(nearest("HOST", names), Some("host"));
        assert_eq!(nearest("validators", names), None);
        assert_eq!(
            nearest("net_port", ["net_host", "net_p2p_port"]),
            Some("net_p2p_port")
        );
    }
}
