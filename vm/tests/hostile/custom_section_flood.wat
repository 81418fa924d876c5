;; Custom sections without end.
;; expect refused: the module has 33 custom sections; at most 32 are allowed
(module (func (export "call")) {{40:(@custom "a" "b") }})
