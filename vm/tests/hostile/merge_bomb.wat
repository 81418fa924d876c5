;; Loops within each other around 34 locals that are set: two kilobytes that make the compiler merge 17,000 values; with more
;; locals it would be millions.
;; expect refused: values computed in a function; at most 16384 are allowed
(module
  (func (export "call") (local {{500:i32 }})
    {{500:loop }} (local.set 0 (i32.const 1)) (local.set 1 (i32.const 1)) (local.set 2 (i32.const 1))
    (local.set 3 (i32.const 1)) (local.set 4 (i32.const 1)) (local.set 5 (i32.const 1)) (local.set 6 (i32.const 1))
    (local.set 7 (i32.const 1)) (local.set 8 (i32.const 1)) (local.set 9 (i32.const 1)) (local.set 10 (i32.const 1))
    (local.set 11 (i32.const 1)) (local.set 12 (i32.const 1)) (local.set 13 (i32.const 1)) (local.set 14 (i32.const 1))
    (local.set 15 (i32.const 1)) (local.set 16 (i32.const 1)) (local.set 17 (i32.const 1)) (local.set 18 (i32.const 1))
    (local.set 19 (i32.const 1)) (local.set 20 (i32.const 1)) (local.set 21 (i32.const 1)) (local.set 22 (i32.const 1))
    (local.set 23 (i32.const 1)) (local.set 24 (i32.const 1)) (local.set 25 (i32.const 1)) (local.set 26 (i32.const 1))
    (local.set 27 (i32.const 1)) (local.set 28 (i32.const 1)) (local.set 29 (i32.const 1)) (local.set 30 (i32.const 1))
    (local.set 31 (i32.const 1)) (local.set 32 (i32.const 1)) (local.set 33 (i32.const 1)) {{500:end }}))
