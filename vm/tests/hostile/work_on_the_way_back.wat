;; Two hundred calls within each other, and behind each as much as a function may do without looking at its gas.
;; expect: out of gas
(module
  (func $f (param i32)
    (if (local.get 0) (then (call $f (i32.sub (local.get 0) (i32.const 1)))))
    {{20:(if (i32.const 1) (then nop nop)) }})
  (func (export "call") (loop (call $f (i32.const 200)) (br 0))))
