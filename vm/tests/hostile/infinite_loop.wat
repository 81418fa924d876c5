;; A loop that does nothing, for ever.
;; expect: out of gas
(module (func (export "call") (loop (br 0))))
