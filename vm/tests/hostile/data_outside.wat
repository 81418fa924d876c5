;; A data segment that does not fit in the memory: the run ends before it starts.
;; expect: trapped: memory access out of bounds
(module (memory 1) (data (i32.const 65530) "1234567") (func (export "call")))
