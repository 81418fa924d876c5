;; Fifteen thousand operators without a branch, again and again: each time they are paid before the first.
;; expect: out of gas
(module (func $f {{15000:nop }}) (func (export "call") (loop (call $f) (br 0))))
