;; Floats that would betray the processor: the sign and payload of a NaN that an operation makes. The first five are
;; 0/0, the root of -1, a NaN with a payload plus 1, the same made short and made long, least and most with a NaN.
;; expect: done 0000c07f000000000000f87f0000c07f000000000000f87f0000c07f000000000000f87f0000c07f000000000000f87f
(module (import "env" "output" (func $output (param i32 i32))) (memory (export "memory") 1)
  (func (export "call")
    (local $f f32) (local $d f64)
    (local.set $f (f32.reinterpret_i32 (i32.const 0xffa12345)))
    (local.set $d (f64.reinterpret_i64 (i64.const 0xfff123456789abcd)))
    (f32.store (i32.const 0) (f32.div (f32.const 0) (f32.const 0)))
    (f64.store (i32.const 4) (f64.sqrt (f64.const -1)))
    (f32.store (i32.const 12) (f32.add (local.get $f) (f32.const 1)))
    (f64.store (i32.const 16) (f64.mul (local.get $d) (f64.const 2)))
    (f32.store (i32.const 24) (f32.demote_f64 (local.get $d)))
    (f64.store (i32.const 28) (f64.promote_f32 (local.get $f)))
    (f32.store (i32.const 36) (f32.min (local.get $f) (f32.const 1)))
    (f64.store (i32.const 40) (f64.max (local.get $d) (f64.const 1)))
    (call $output (i32.const 0) (i32.const 48))))
