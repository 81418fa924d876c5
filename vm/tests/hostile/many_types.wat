;; Function types without end.
;; expect refused: the module has 1002 function types; at most 1000 are allowed
(module {{1001:(type (func (param i32))) }} (func (export "call")))
