module recur

go 1.19
