;; Beyond the end of the memory.
;; expect: trapped: memory access out of bounds
(module (memory 1) (func (export "call") (memory.fill (i32.const 65530) (i32.const 7) (i32.const 7))))
