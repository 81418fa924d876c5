;; Not a module at all.
;; expect refused: this is a WebAssembly component; contracts are modules
(component)
