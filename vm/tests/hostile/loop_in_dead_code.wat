;; A loop that is never reached.
;; expect: trapped: unreachable code was reached
(module (func (export "call") unreachable (loop (br 0)) (block (br 1))))
