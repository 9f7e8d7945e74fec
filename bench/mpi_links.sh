#!/bin/sh
# mpi_links.sh RATE DELAY RANKS COMMAND... - runs a command by mpirun, each rank in a network
# namespace of its own, whose link has this rate (1gbit, 10gbit) and delay (100us). It takes root, a
# kernel with namespaces and netem, and Open MPI. Where the kernel has no netem, tbf limits the
# rate, and nothing delays.
#
# The namespaces hang on one bridge, like machines on one switch. Each link delays and limits what
# it sends. Ranks talk over TCP alone: no shared memory, as between machines.
set -eu
PATH=$PATH:/usr/sbin:/sbin
rate=$1 delay=$2 ranks=$3
shift 3
net=recur$$
agent=$(mktemp)
cleanup() {
    for i in $(seq 0 $((ranks - 1))); do ip netns del "$net-$i" 2>/dev/null || true; done
    ip link del "$net" 2>/dev/null || true
    rm -f "$agent"
}
trap cleanup EXIT
trap 'exit 1' HUP INT TERM
ip link add "$net" type bridge
ip addr add 10.77.0.254/24 dev "$net"
ip link set "$net" up
for i in $(seq 0 $((ranks - 1))); do
    ip netns add "$net-$i"
    ip link add "v$$-$i" type veth peer name eth0 netns "$net-$i"
    ip link set "v$$-$i" master "$net" up
    ip -n "$net-$i" addr add "10.77.0.$((i + 1))/24" dev eth0
    ip -n "$net-$i" link set lo up
    ip -n "$net-$i" link set eth0 up
    ip netns exec "$net-$i" tc qdisc add dev eth0 root netem delay "$delay" rate "$rate" \
        limit 100000 2>/dev/null ||
        ip netns exec "$net-$i" tc qdisc add dev eth0 root tbf rate "$rate" burst 256kb \
            latency 100ms
done
# In the place of ssh: a daemon of Open MPI in the namespace of each host.
cat >"$agent" <<END
#!/bin/sh
host=\$1
shift
number=\$((\${host##*.} - 1))
exec ip netns exec $net-\$number unshare --uts sh -c "hostname $net-\$number; \$*"
END
chmod +x "$agent"
hosts=$(seq 1 "$ranks" | sed 's/.*/10.77.0.&:1/' | paste -sd,)
OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
export OMPI_ALLOW_RUN_AS_ROOT OMPI_ALLOW_RUN_AS_ROOT_CONFIRM
mpirun --host "$hosts" -n "$ranks" --mca plm_rsh_agent "$agent" --mca pml ob1 \
    --mca btl tcp,self --mca btl_tcp_if_include 10.77.0.0/24 \
    --mca oob_tcp_if_include 10.77.0.0/24 "$@"
