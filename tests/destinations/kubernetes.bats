#!/usr/bin/env bats
# scripts/kubernetes: the manifests by Kubernetes' own schemas, and the pod that they describe run here: its containers in their order, each
# in a root that it cannot write, as the manifest's user, with the manifest's volumes as a kubelet hands them over, and nothing else.
# Knows: what a kubelet does with fsGroup, secrets, config maps and emptyDirs. Must not know: what is in the manifest; that is read from it.
# Needs root, as a kubelet does. The stage and the warehouse, which lie elsewhere, are a folder that every node sees.
# shellcheck disable=SC2030,SC2031,SC2154 # a test and its functions are one process; stderr comes from run

bats_require_minimum_version 1.5.0
set -o pipefail
load ../e2e/cluster
load ../fault/pipeline

MANIFESTS=$BATS_TEST_DIRNAME/../../scripts/kubernetes

setup_file() {
  DUCKDB_MODULES=$(install-destinations) || return
  export DUCKDB_MODULES
  cluster_start -o max_replication_slots=20
}
teardown_file() { cluster_remove; }

setup() {
  cd "$BATS_TEST_TMPDIR" || return
  read_manifests "$MANIFESTS"/base/{serviceaccount,service,statefulset,cronjob}.yaml "$MANIFESTS/shop/identity.yaml" >manifests
  jq -s 'map(select(.kind == "StatefulSet"))[0]' manifests >set.json
  containers='.spec.template.spec | .initContainers[], .containers[]'
}
teardown() {
  [[ ! -e said ]] || cat said >&2
  [[ -z ${pod:-} ]] || kill -KILL "$pod"
}
read_manifests() { node "$BATS_TEST_DIRNAME/kubernetes.mjs" "$@"; }
of_set() { jq -r "$1" set.json; }

@test "every manifest is valid by Kubernetes' own schema, which refuses one that is not" {
  [[ $(jq -r .kind manifests | sort | uniq -c | tr -s ' \n' ' ') == ' 1 CronJob 1 Service 4 ServiceAccount 1 StatefulSet ' ]]
  sed 's/replicas: 1/replicas: one/' "$MANIFESTS/base/statefulset.yaml" >broken.yaml
  run -1 --separate-stderr read_manifests broken.yaml
  [[ $stderr == *replicas* ]]
  sed 's/selector:/selecter:/' "$MANIFESTS/base/statefulset.yaml" >broken.yaml
  run -1 --separate-stderr read_manifests broken.yaml
  # What the overlay speaks of is there.
  local name
  while read -r name; do [[ -s $MANIFESTS/$name ]] || echo "$name"; done >missing < <(
    sed -nE 's|.*- path: (.*)|shop/\1|p; s|^ *files: \[(.*), (.*)\]|shop/\1\nshop/\2|p' "$MANIFESTS/shop/kustomization.yaml"
    sed -nE 's|^  - ([a-z]*\.yaml)$|base/\1|p' "$MANIFESTS/base/kustomization.yaml"
  )
  [[ ! -s missing ]]
  # The patch of the secret speaks of a volume that is there.
  of_set '.spec.template.spec.volumes[] | select(.secret).name' | grep -qx "$(sed -nE 's/^ *- name: (.*)/\1/p' "$MANIFESTS/shop/secret.yaml")"
  grep -q "$(of_set '.spec.template.spec.volumes[] | select(.configMap).configMap.name')\$" <(grep -A 2 configMapGenerator "$MANIFESTS/shop/kustomization.yaml")
}

@test "every container is held in: no root, no rights, a root that it cannot write, bounded memory; no token of Kubernetes" {
  held_in 4
  [[ $(of_set '.spec.template.spec.serviceAccountName') == pgcdc ]]
  use_job
  held_in 3
  # Who may remove is another than who runs the pipeline.
  [[ $(of_set '.spec.template.spec.serviceAccountName') == pgcdc-prune ]]
  # The service and the set mean the pipeline's pod only.
  [[ $(jq -r 'select(.kind == "Service").spec.selector["app.kubernetes.io/name"]' manifests) != "$(of_set '.spec.template.metadata.labels["app.kubernetes.io/name"]')" ]]
}
# From here on the pod that is meant is the nightly one.
use_job() { jq -s 'map(select(.kind == "CronJob"))[0].spec.jobTemplate' manifests >set.json; }
# in  CONTAINERS
held_in() {
  of_set '.spec.template.spec | .securityContext | [.runAsNonRoot, .seccompProfile.type, .runAsUser > 0] | @csv' | grep -qx 'true,"RuntimeDefault",true'
  [[ $(of_set .spec.template.spec.automountServiceAccountToken) == false ]]
  [[ $(of_set "[$containers] | length") == "$1" ]]
  [[ $(of_set "$containers | select(.securityContext != {allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: {drop: [\"ALL\"]}}) | .name") == '' ]]
  [[ $(of_set "$containers | select(.resources.limits.memory == null or .resources.requests.cpu == null) | .name") == '' ]]
  [[ $(of_set '.spec.template.spec.volumes[] | select(.emptyDir and (.emptyDir.sizeLimit | not)) | .name') == '' ]]
  # Secrets come to one container only, which gives them on in memory, and nothing is set from a secret in the environment.
  [[ $(of_set "$containers | select(any(.volumeMounts[]; .name == \"secrets\")) | .name") == secrets ]]
  [[ $(of_set "$containers | .env[]? | select(.valueFrom.secretKeyRef) | .name") == '' ]]
  [[ $(of_set '.spec.template.spec.volumes[] | select(.name == "run").emptyDir.medium') == Memory ]]
}

# Volumes as a kubelet makes them on a node: in nodes/NAME what dies with the pod; `state` is the claim, which moves along.
# With fsGroup every volume's files are of that group, which may do what the owner may.   in  NAME
node_new() {
  local name kind group
  group=$(of_set .spec.template.spec.securityContext.fsGroup)
  node=$BATS_TEST_TMPDIR/nodes/$1
  mkdir -p "$node" claim remote
  while read -r name kind; do
    mkdir "$node/$name"
    case $kind in
    configMap) install -o root -g "$group" -m 0644 -t "$node/$name" shop.ini shop.policy ;;
    secret)
      install -o root -g "$group" -m "$(printf '%o' "$(($(of_set ".spec.template.spec.volumes[] | select(.name == \"$name\").secret.defaultMode") | 0040))")" \
        -t "$node/$name" mask.keys pgpass
      ;;
    emptyDir) chmod 2777 "$node/$name" ;;
    esac
    chgrp "$group" "$node/$name"
  done < <(of_set '.spec.template.spec.volumes[] | "\(.name) \(keys - ["name"] | .[0])"')
  [[ $(of_set '.spec.volumeClaimTemplates[].metadata.name') == state ]]
  chgrp -R "$group" claim && chmod -R g+rwX claim && chmod g+s claim
  ln -s "$BATS_TEST_TMPDIR/claim" "$node/state"
  chown -R "$(of_set .spec.template.spec.securityContext.runAsUser)" remote
}

# One container of the pod, in the foreground, with another command when one is given.   in  NAME [COMMAND...]
container() {
  local name=$1 user group
  shift
  user=$(of_set .spec.template.spec.securityContext.runAsUser) group=$(of_set .spec.template.spec.securityContext.runAsGroup)
  # What a kubelet fills in: $(PIPELINE) is the pod's label.
  jq -r "[$containers] | map(select(.name == \"$name\"))[0]" set.json >"container.$name.json"
  (($# > 0)) || mapfile -d '' -t command < <(jq -j '.command[] | gsub("\\$\\(PIPELINE\\)"; "shop") + "\u0000"' "container.$name.json")
  (($# == 0)) || command=("$@")
  mapfile -t environment < <(jq -r '.env[]? | "\(.name)=\(.value // "shop")"' "container.$name.json")
  jq -r '.volumeMounts[] | "\(.name) \(.mountPath) \(.readOnly // false)"' "container.$name.json" >"mounts.$name"
  # shellcheck disable=SC2016 # the inner shell's own
  exec unshare --mount --pid --fork --kill-child=KILL --propagation private bash -euc '
    root=$1 node=$2 mounts=$3 remote=$4 bin=$5 scripts=$6 user=$7 group=$8
    shift 8
    mount -t tmpfs tmpfs "$root"
    mkdir -p "$root"/{usr,proc,dev,etc,opt/bin,opt/scripts,remote}
    mount --rbind /usr "$root/usr" && mount -o remount,bind,ro "$root/usr"
    mount --bind "$bin" "$root/opt/bin" && mount --bind "$scripts" "$root/opt/scripts" && mount --bind "$remote" "$root/remote"
    mount -t proc proc "$root/proc" && mount --rbind /dev "$root/dev"
    for link in bin lib lib64 sbin; do [[ ! -L /$link ]] || cp -P "/$link" "$root/$link"; done
    cp /etc/passwd /etc/group /etc/hosts /etc/nsswitch.conf /etc/ld.so.cache "$root/etc/"
    cp -r /etc/alternatives "$root/etc/"
    while read -r name path read_only; do
      mkdir -p "$root$path"
      mount --bind "$(readlink -f "$node/$name")" "$root$path"
      [[ $read_only == false ]] || mount -o remount,bind,ro "$root$path"
    done <"$mounts"
    mount -o remount,ro "$root"
    exec chroot "$root" setpriv --reuid="$user" --regid="$group" --groups="$group" --no-new-privs --bounding-set=-all --inh-caps=-all \
      env -i PATH=/opt/bin:/opt/scripts:/usr/bin LC_ALL=C.UTF-8 "$@"' \
    bash "$BATS_TEST_TMPDIR/root" "$node" "mounts.$name" "$BATS_TEST_TMPDIR/remote" "$PGCDC_BIN" "$REPO/scripts" "$user" "$group" "${environment[@]}" "${command[@]}"
}
as_container() { (container "$@"); }

# The pipeline of the example, its server, stage and warehouse here.
a_shop() {
  fresh_database "kubernetes_$BATS_TEST_NUMBER"
  sql 'CREATE TABLE orders (id int PRIMARY KEY, total text)' "INSERT INTO orders SELECT i, 'one' FROM generate_series(1, 500) i" \
    'CREATE PUBLICATION pgcdc FOR ALL TABLES' >/dev/null
  sed "s|^dsn = .*|dsn = host=127.0.0.1 port=$PGPORT dbname=$PGDATABASE user=$PGUSER|; s|^slot = .*|slot = shop_$BATS_TEST_NUMBER|
    s|^stage = .*|stage = file:///remote/stage|; s|^warehouse = .*|warehouse = sqlite:/remote/shop.db|" "$MANIFESTS/shop/shop.ini" >shop.ini
  # The last section is cdc-batch's.
  echo 'max-seconds = 1' >>shop.ini
  cp "$MANIFESTS/shop/shop.policy" shop.policy
  (umask 077 && cdc-policy new-key mask.keys && cp "$PGPASSFILE" pgpass)
  mkdir root
}
# The pod's first containers, one after the other, then its pipeline in the background.
pod_start() {
  for name in $(of_set '.spec.template.spec.initContainers[].name'); do as_container "$name" || return; done
  container pipeline </dev/null >said 2>&1 3>&- 8>&- &
  pod=$!
}
has() { [[ $(warehouse_sql remote/shop.db "SELECT count(*) FROM orders WHERE total = '$1'") == 500 ]]; }

@test "a secret as Kubernetes mounts it is refused, by libpq too; the pod's own copy of it is taken" {
  a_shop
  node_new one
  [[ $(stat -c '%U %a' "$node/secrets/mask.keys") == 'root 440' ]]
  run -0 as_container secrets
  [[ $(stat -c '%u %a' "$node/run/mask.keys") == '65532 400' && $(stat -c '%u %a' "$node/run/pgpass") == '65532 400' ]]
  cp -a "$node/secrets/mask.keys" "$node/tmp/mask.keys"
  run -77 as_container pipeline sh -c 'printf "" | cdc-mask --policy /etc/pgcdc/shop.policy --keys /tmp/mask.keys'
  [[ $output == *err=secret_exposed* ]]
  run -0 as_container pipeline sh -c 'printf "" | cdc-mask --policy /etc/pgcdc/shop.policy --keys /run/pgcdc/mask.keys'
  # It can write where it is meant to, and nowhere else.
  run ! as_container pipeline sh -c 'echo >/etc/pgcdc/x'
  run ! as_container pipeline sh -c 'echo >/run/pgcdc/x'
  run ! as_container pipeline sh -c 'echo >/usr/x || echo >/opt/x'
  run -0 as_container pipeline sh -c 'echo >/var/lib/pgcdc/x && echo >/var/spool/pgcdc/x && echo >/tmp/x && rm /var/lib/pgcdc/x'
}

@test "the pod is killed, and begins on another node with nothing but its claim: it goes on, and nothing is lost" {
  a_shop
  node_new one
  pod_start
  wait_until 30 has one
  sql "UPDATE orders SET total = 'two'" >/dev/null
  wait_until 60 has two
  kill -KILL "$pod"
  wait_until 10 is_gone "$pod"
  pod=''
  [[ -s claim/shop.pins && -s claim/shop.ack ]]
  cp claim/shop.pins pins
  sql "UPDATE orders SET total = 'three'" 'INSERT INTO orders SELECT i, '"'three'"' FROM generate_series(501, 600) i' 'DELETE FROM orders WHERE id <= 100' >/dev/null
  rm -r "$node"
  node_new two
  pod_start
  wait_until 60 has three
  same_rows remote/shop.db public.orders
  # What was pinned is what it was: the new pod has not trusted what it saw first.
  diff pins claim/shop.pins
  # A pod that is asked to end drains, in the time that it is given.
  sql "UPDATE orders SET total = 'four'" >/dev/null
  signal_pod TERM
  wait "$pod"
  pod=''
  # What it says of itself lies where the sidecar shows it.
  grep -qx 'cdc_run_exit_code{program="cdc-run",pipeline="shop"} 0' "$node/metrics/run.prom"
  run -0 as_container status sh -c "$(of_set '.spec.template.spec.containers[] | select(.name == "status").command[2]' | sed 's/sleep 300.*/exit 0/')"
  grep -q '^cdc_freshness_seconds{' "$node/metrics/status.prom"
}
is_gone() { ! kill -0 "$1"; }
# The first process inside of the pod, as a kubelet signals it.
signal_pod() { kill "-$1" "$(cat "/proc/$pod/task/$pod/children")"; }

@test "the nightly job empties the stage of what the warehouse has, and takes out of it what is gone" {
  a_shop
  printf '[cdc-load]\nkeep-deleted-days = 1\n[cdc-stage-prune]\nkeep-hours = 0\n' >>shop.ini
  node_new one
  pod_start
  wait_until 30 has one
  sql 'DELETE FROM orders WHERE id = 1' >/dev/null
  wait_until 60 is_marked
  signal_pod TERM
  wait "$pod"
  pod=''
  sqlite3 -cmd '.timeout 10000' remote/shop.db "UPDATE \"public.orders\" SET _cdc_loaded_at='2020-01-01T00:00:00.000000Z' WHERE _cdc_deleted=1"
  rm -r "$node"/run/*
  use_job
  for name in $(of_set '.spec.template.spec | .initContainers[], .containers[] | .name'); do as_container "$name" >>job; done
  grep -q '^epochs=[0-9]* chunks=1 objects=[1-9]' job
  grep -qx $'purged\tpublic.orders\t1' job
  [[ ! -e $node/run/mask.keys ]]
}
is_marked() { [[ $(warehouse_sql remote/shop.db 'SELECT count(*) FROM "public.orders" WHERE _cdc_deleted=1') == 1 ]]; }

@test "the image has the package, and no user but the pod's" {
  grep -qx "USER $(of_set '.spec.template.spec.securityContext | "\(.runAsUser):\(.runAsGroup)"')" "$MANIFESTS/Containerfile"
  grep -q '^COPY build/pgcdc_\*.deb ' "$MANIFESTS/Containerfile"
}
