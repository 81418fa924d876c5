;; The gas counter is a global behind the module's own: the module cannot name it.
;; expect refused: unknown global
(module (global (mut i64) (i64.const 9)) (func (export "call") (global.set 1 (i64.const 9))))
