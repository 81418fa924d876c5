;; A function of a hundred results.
;; expect refused: the module has 100 results of a function; at most 16 are allowed
(module (func (result {{100:i32 }}) unreachable) (func (export "call")))
