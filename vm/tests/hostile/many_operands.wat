;; Two thousand values on the operand stack.
;; expect refused: the module has 1025 values in the frame of a function; at most 1024 are allowed
(module (func (export "call") {{2000:(i32.const 1) }} {{2000:drop }}))
