;; A hundred thousand blocks within each other.
;; expect refused: the module has 513 blocks within each other; at most 512 are allowed
(module (func (export "call") {{100000:block }} {{100000:end }}))
