;; Ifs without else that branch back from inside each other; the way on is never taken.
;; expect: out of gas
(module (func (export "call")
  (loop (if (i32.const 1) (then (if (i32.const 0) (then) (else (if (i32.const 1) (then (br 3))))))) (drop (i32.const 1)))))
