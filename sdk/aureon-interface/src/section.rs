//! Finding a custom section in a wasm module (WebAssembly core specification 2.0, sections 5.5.2 and 5.5.3).

const MAGIC: &[u8] = b"\0asm\x01\0\0\0";

/// The bytes are not a wasm module, as far as one has to look for a section.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SectionError {
    /// The first eight bytes.
    #[error("not a WebAssembly module of version 1")]
    Magic,
    /// A length or name that leaves the module.
    #[error("the module's sections are damaged at byte {at}")]
    Damaged {
        /// Where.
        at: usize,
    },
    /// Which of two would count?
    #[error("the module has more than one section `{}`", crate::SECTION)]
    Twice,
}

/// The content of the custom section with a name, if the module has it.
pub fn find<'a>(module: &'a [u8], name: &str) -> Result<Option<&'a [u8]>, SectionError> {
    let mut rest = module.strip_prefix(MAGIC).ok_or(SectionError::Magic)?;
    let mut found = None;
    while let Some((id, after)) = rest.split_first() {
        let at = module.len() - rest.len();
        let (content, next) = sized(after).ok_or(SectionError::Damaged { at })?;
        if *id == 0 {
            let (own, content) = sized(content).ok_or(SectionError::Damaged { at })?;
            if own == name.as_bytes() && found.replace(content).is_some() {
                return Err(SectionError::Twice);
            }
        }
        rest = next;
    }
    Ok(found)
}

/// A length and as many bytes, and what follows.
fn sized(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = unsigned(bytes)?;
    rest.split_at_checked(usize::try_from(length).ok()?)
}

/// An unsigned LEB128 number of at most 32 bits.
fn unsigned(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let mut value = 0u64;
    for (index, byte) in bytes.iter().enumerate().take(5) {
        value |= u64::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return Some((u32::try_from(value).ok()?, &bytes[index + 1..]));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn module(sections: &[&[u8]]) -> Vec<u8> {
        [MAGIC, &sections.concat()].concat()
    }

    #[test]
    fn the_section_is_found_among_others() {
        let bytes = module(&[&[1, 1, 0], &[0, 4, 1, b'b', 7, 8], &[0, 0x83, 0x00, 1, b'a', 9]]);
        assert_eq!(find(&bytes, "a"), Ok(Some([9].as_slice())));
        assert_eq!(find(&bytes, "b"), Ok(Some([7, 8].as_slice())));
        assert_eq!(find(&bytes, "c"), Ok(None));
    }

    #[test]
    fn damage_is_an_error_and_never_a_panic() {
        assert_eq!(find(b"hello", "a"), Err(SectionError::Magic));
        for section in [
            &[0u8, 9, 1][..],
            &[0, 0x80],
            &[0, 0xff, 0xff, 0xff, 0xff, 0x7f],
            &[0, 0],
            &[0, 1, 5],
        ] {
            assert_eq!(
                find(&module(&[section]), "a"),
                Err(SectionError::Damaged { at: 8 }),
                "{section:?}"
            );
        }
        let twice = module(&[&[0, 2, 1, b'a'], &[0, 2, 1, b'a']]);
        assert_eq!(find(&twice, "a"), Err(SectionError::Twice));
    }
}
