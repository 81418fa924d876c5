;; An address and an offset that only together are outside: 4 GiB and more.
;; expect: trapped: memory access out of bounds
(module (memory 1) (func (export "call") (drop (i64.load offset=4294967295 (i32.const -1)))))
