;; A million locals cost five bytes to declare.
;; expect refused: values in the frame of a function; at most 1024 are allowed
(module (func (export "call") (local {{1000000:i64 }})))
