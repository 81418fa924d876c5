;; Functions without end.
;; expect refused: the module has 20001 functions; at most 10000 are allowed
(module {{20000:(func) }} (func (export "call")))
