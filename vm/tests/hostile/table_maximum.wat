;; A table that might become four billion long: nothing can grow it, so the maximum is only a word.
;; expect: done
(module (table 1 0xffffffff funcref) (func (export "call")))
