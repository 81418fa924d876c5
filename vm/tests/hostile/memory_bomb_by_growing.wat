;; Page by page for ever: each is paid before it is asked for.
;; expect: out of gas
(module (memory 1) (func (export "call") (loop (drop (memory.grow (i32.const 1))) (br 0))))
