;; One that fills the module.
;; expect refused: bytes of custom sections; at most 262144 are allowed
(module (func (export "call")) (@custom "a" "{{300000:b}}"))
