;; One instruction that writes a megabyte, in a loop: it is paid by the byte.
;; expect: out of gas
(module (memory 16)
  (func (export "call") (loop (memory.fill (i32.const 0) (i32.const 7) (i32.const 1048576)) (br 0))))
