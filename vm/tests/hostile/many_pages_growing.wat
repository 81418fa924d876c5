;; A memory that asks for more than there is, again and again: each time is paid, granted or not.
;; expect: out of gas
(module (memory 1 256) (func (export "call") (loop (drop (memory.grow (i32.const 256))) (br 0))))
