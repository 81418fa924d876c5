;; A function of a thousand parameters.
;; expect refused: the module has 1000 parameters of a function; at most 128 are allowed
(module (func (param {{1000:i32 }})) (func (export "call")))
