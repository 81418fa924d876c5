;; A name that nobody reads.
;; expect refused: the module has 5000 bytes in a name; at most 128 are allowed
(module (func (export "call")) (func (export "{{5000:a}}")))
