;; A hundred functions that each stay below the limit of values, and are too many together: in each, ninety loops within
;; each other around a hundred locals that are set.
;; expect refused: values computed in all functions; at most 1000000 are allowed
(module (func (export "call"))
  {{110:(func (local {{100:i32 }}) {{90:loop }}
    local.get 0 local.set 0 local.get 0 local.set 1 local.get 0 local.set 2 local.get 0 local.set 3 local.get 0 local.set 4
    local.get 0 local.set 5 local.get 0 local.set 6 local.get 0 local.set 7 local.get 0 local.set 8 local.get 0 local.set 9
    local.get 0 local.set 10 local.get 0 local.set 11 local.get 0 local.set 12 local.get 0 local.set 13 local.get 0 local.set 14
    local.get 0 local.set 15 local.get 0 local.set 16 local.get 0 local.set 17 local.get 0 local.set 18 local.get 0 local.set 19
    local.get 0 local.set 20 local.get 0 local.set 21 local.get 0 local.set 22 local.get 0 local.set 23 local.get 0 local.set 24
    local.get 0 local.set 25 local.get 0 local.set 26 local.get 0 local.set 27 local.get 0 local.set 28 local.get 0 local.set 29
    local.get 0 local.set 30 local.get 0 local.set 31 local.get 0 local.set 32 local.get 0 local.set 33 local.get 0 local.set 34
    local.get 0 local.set 35 local.get 0 local.set 36 local.get 0 local.set 37 local.get 0 local.set 38 local.get 0 local.set 39
    local.get 0 local.set 40 local.get 0 local.set 41 local.get 0 local.set 42 local.get 0 local.set 43 local.get 0 local.set 44
    local.get 0 local.set 45 local.get 0 local.set 46 local.get 0 local.set 47 local.get 0 local.set 48 local.get 0 local.set 49
    local.get 0 local.set 50 local.get 0 local.set 51 local.get 0 local.set 52 local.get 0 local.set 53 local.get 0 local.set 54
    local.get 0 local.set 55 local.get 0 local.set 56 local.get 0 local.set 57 local.get 0 local.set 58 local.get 0 local.set 59
    local.get 0 local.set 60 local.get 0 local.set 61 local.get 0 local.set 62 local.get 0 local.set 63 local.get 0 local.set 64
    local.get 0 local.set 65 local.get 0 local.set 66 local.get 0 local.set 67 local.get 0 local.set 68 local.get 0 local.set 69
    local.get 0 local.set 70 local.get 0 local.set 71 local.get 0 local.set 72 local.get 0 local.set 73 local.get 0 local.set 74
    local.get 0 local.set 75 local.get 0 local.set 76 local.get 0 local.set 77 local.get 0 local.set 78 local.get 0 local.set 79
    local.get 0 local.set 80 local.get 0 local.set 81 local.get 0 local.set 82 local.get 0 local.set 83 local.get 0 local.set 84
    local.get 0 local.set 85 local.get 0 local.set 86 local.get 0 local.set 87 local.get 0 local.set 88 local.get 0 local.set 89
    local.get 0 local.set 90 local.get 0 local.set 91 local.get 0 local.set 92 local.get 0 local.set 93 local.get 0 local.set 94
    local.get 0 local.set 95 local.get 0 local.set 96 local.get 0 local.set 97 local.get 0 local.set 98 local.get 0 local.set 99
    {{90:end }}) }})
