;; 100 pages in each of 16 runs, and all that it can grow by at the end: 5 runs fit into 512 pages, and 12 pages more.
;; The answer: how many runs there were, and what the innermost got when it asked for 13 pages and then for 12.
;; expect: done 05ffffffff64000000
(module
  (import "env" "call" (func $call (param i32 i32 i32 i64 i64) (result i32)))
  (import "env" "call_result" (func $result (param i32 i32) (result i32)))
  (import "env" "self_address" (func $self (param i32)))
  (import "env" "output" (func $output (param i32 i32)))
  (memory (export "memory") 100)
  (func (export "call")
    (call $self (i32.const 0))
    (if (call $call (i32.const 0) (i32.const 0) (i32.const 0) (i64.const 0) (i64.const -1))
      (then
        (i32.store (i32.const 101) (memory.grow (i32.const 13)))
        (i32.store (i32.const 105) (memory.grow (i32.const 12))))
      (else (drop (call $result (i32.const 100) (i32.const 9)))))
    (i32.store8 (i32.const 100) (i32.add (i32.load8_u (i32.const 100)) (i32.const 1)))
    (call $output (i32.const 100) (i32.const 9))))
