;; A module that is too long.
;; expect refused: bytes of code; at most 524288 are allowed
(module (memory 1) (data "{{10485760:x}}") (func (export "call")))
