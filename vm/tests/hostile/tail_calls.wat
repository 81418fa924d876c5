;; Tail calls are off: they would escape the count of calls.
;; expect refused: tail calls
(module (func $f (return_call $f)) (func (export "call") (call $f)))
