;; All four gigabytes in one step.
;; expect: out of gas
(module (memory 1) (func (export "call") (drop (memory.grow (i32.const 65535)))))
