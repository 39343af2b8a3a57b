/* The repair of what is lost: somebody drops the slot, and what was committed meanwhile nobody has read. cdc-run --repair makes a slot anew,
   says in the stage what is missing (a note, then a manifest), and has the table copied again; old pipes and copies may still be there, and a
   crash may come between any two steps. The log and its loading without a loss are in protocol.pml, and as small here as the repair allows.
   The table: transaction t writes row t and deletes row t - 1, so a warehouse that lacks t shows it, also by what it did not delete.
   Shown is: a table that is called ready equals the source as of the warehouse's position, nothing is loaded twice, and one repair after a loss
   is enough: in the end all is there, and ready.
   Knows: the steps, by the names of the code. Must not know: files, formats, engines.
   Each guard of the repair has a name. With -DWITHOUT_NAME it is not there, and spin finds what is wrong then. */

#ifndef N
#define N 2
#endif
#ifndef CRASHES
#define CRASHES 1
#endif
#ifndef DROPS
#define DROPS 1
#endif
#ifndef PIPES
#define PIPES 1
#endif
#ifndef COPIES
#define COPIES 1
#endif
#ifndef LOADERS
#define LOADERS 1
#endif

/* The source, and its slot. A position is the number of transactions below it. */
byte committed;                 /* where the server's log ends */
bool slot = true;
byte confirmed;                 /* of the slot: a reader begins here */
byte drops;                     /* how often it was dropped: a reader of an older one cannot go on */
bool owed;                      /* a loss that no repair has come to its end after */

/* The stage. */
byte ack;
byte log_to[N + 1];             /* where the manifest at a position leads; to itself: there is none */
bool lost[N + 1];               /* it says that its range is lost */
byte noted;                     /* Losses::complete_from: the greatest end of a range that is noted to be lost */
byte copied[N + 1];             /* the copy that began at a position: 1 + its `high`, as of which its rows are; 0: there is none */
byte newest;                    /* 1 + the position of the newest of them; 0: there is none */

/* The warehouse, of which each transaction is one step here. A row's age: 2 t by transaction t, 2 p + 1 by a copy from p; 0: never seen. */
byte applied;
bool table;                     /* it has begun */
byte doubted;                   /* copies from before are none */
byte copied_from;               /* 1 + the position at which the newest copy that is loaded began; 0: there is none */
byte copied_high;
bool loaded[N + 1];             /* which copies are */
bool present[N + 1];
byte age[N + 1];
bool from_log[N + 1];           /* the transaction came by the log */
byte losses[2];                 /* what each loader has read of notes: 1 + complete_from; 0: nothing */

byte crashes;                   /* that may still come */
hidden byte each;

#define MAY_CRASH   if :: atomic { crashes > 0 -> crashes-- }; goto begin :: true fi
#define END         log_to[log_to[log_to[log_to[0]]]]            /* Put::find_end; N is at most 4 */
#define WHOLE       (table && copied_from > doubted)             /* a copy that began where it is doubted, or behind that, is loaded */
#define READY       (WHOLE && applied >= copied_high)
/* What a copy is taken for: list_copied (the stage has none that counts), list_unknown (the warehouse waits for one, and the stage has it not). */
#define WANTED      (newest <= noted || (table && copied_from <= doubted && newest <= doubted))

/* What must hold whenever the warehouse has changed. */
inline check() {
  if
  :: READY -> each = 1; do :: each <= N -> assert(present[each] == (each == applied)); each++ :: else -> break od
  :: else
  fi;
  each = 0
}

proctype Source() { do :: committed < N -> committed++ :: else -> break od }

proctype Somebody() { do :: d_step { drops < DROPS && slot -> slot = false; drops++; owed = true } :: drops == DROPS -> break od }

/* pgcdc-read | cdc-batch | cdc-stage-put. What it has read of a slot that is gone it may still put. */
proctype Pipe() {
  byte from, to, place, mine, read;
begin:
  skip;
  d_step { slot -> from = confirmed; read = from; mine = drops; to = 0; place = 0 };
  do
  :: d_step { slot && mine == drops && read < committed -> read = committed }
  :: atomic { from < read -> to = from + 1; do :: to < read -> to++ :: break od };
again:
     skip;
     place = END;                                                /* Put::find_end, and Put::cut */
     if
     :: from > place -> (slot && END >= confirmed); goto begin   /* refused; it is begun again when that is good */
     :: to <= place                                              /* another pipe has put it, or it is lost */
     :: else ->
        MAY_CRASH;
        if                                                       /* Log::append */
        :: atomic { log_to[place] != place -> goto again }
        :: d_step { log_to[place] == place -> log_to[place] = to }
        fi
     fi;
     MAY_CRASH;
     d_step { if :: to > ack -> ack = to :: else fi; from = to; to = 0; place = 0 }
  :: atomic { slot && mine != drops && from == read -> goto begin }
  od
}

proctype Confirm() { do :: d_step { slot && ack > confirmed -> assert(ack <= END); confirmed = ack } od }

/* pgcdc-snapshot | cdc-batch | cdc-stage-put, of the repair or beside the pipe. */
inline copy() {
  low = committed;                                               /* mark_both, of a server that has the slot */
  MAY_CRASH;
  high = committed;                                              /* take_snapshot */
  MAY_CRASH;
  d_step {                                                       /* Put::put_chunk */
    if :: copied[low] == 0 -> copied[low] = high + 1 :: else fi;
    if :: newest <= low -> newest = low + 1 :: else fi;
    low = 0; high = 0
  }
}
proctype Copy() {
  byte low, high;
begin:
  skip;
  d_step { low = 0; high = 0 };
#ifndef WITHOUT_SLOT_FIRST
  do :: atomic { slot && WANTED -> copy() } od
#else
  do :: atomic { WANTED -> copy() } od
#endif
}

inline ensure_slot() { d_step { if :: !slot -> slot = true; confirmed = committed :: else fi } }   /* at the present end */
inline note_lost_range() { d_step { if :: shown > noted -> noted = shown :: else fi } }

/* cdc-run --repair. It is run once for a loss, and again when it was killed. */
proctype Repair() {
  byte shown, end, mine;
begin:
  skip;
  d_step { shown = 0; end = 0; mine = 0 };
  do
  :: owed ->
#ifndef WITHOUT_SLOT_FIRST
     ensure_slot();
     MAY_CRASH;
     if                                                          /* pgcdc-slot show */
     :: d_step { slot -> shown = confirmed; mine = drops }
     :: atomic { !slot -> goto begin }
     fi;
#else
     d_step { shown = committed; mine = drops };                 /* what is lost ends where the server's log ends just now */
#endif
again:
     skip;
     end = END;                                                  /* Mend::look_at_log */
     if                                                          /* Mend::go_on */
     :: shown > end ->
#ifndef WITHOUT_NOTE_FIRST
        note_lost_range();
        MAY_CRASH;
#endif
        if                                                       /* Log::append_lost */
#ifndef WITHOUT_ONLY_IF_ABSENT
#ifndef WITHOUT_FOLLOWING_ON
        :: atomic { log_to[end] != end -> goto again }           /* Mend::lost_up_to: an old pipe was first */
#else
        :: log_to[end] != end
#endif
        :: d_step { log_to[end] == end -> log_to[end] = shown; lost[end] = true }
#else
        :: d_step { log_to[end] = shown; lost[end] = true }
#endif
        fi;
#ifdef WITHOUT_NOTE_FIRST
        MAY_CRASH;
        note_lost_range()
#endif
     :: else
     fi;
     MAY_CRASH;
#ifdef WITHOUT_SLOT_FIRST
     ensure_slot();
#endif
     d_step { if :: mine == drops -> owed = false :: else fi; shown = 0; end = 0; mine = 0 }
  od
}

/* cdc-load: each step one transaction. What a loader has read of notes it keeps, until it passes a loss or somebody else has written. */
inline prepare() {
  if
  :: !table ->
     table = true;
     if :: losses[me] == 0 -> losses[me] = noted + 1 :: else fi;
#ifndef WITHOUT_COMPLETE_FROM
     doubted = losses[me] - 1                                    /* begins_doubted */
#endif
  :: else
  fi
}
inline write_row(row, is_there, as_of) {
  if :: age[row] < as_of -> age[row] = as_of; present[row] = is_there :: else fi
}
inline mark_older(from) {                                        /* TableWriter::mark_older: what the copy did not see */
  each = 1;
  do
  :: each <= N -> if :: present[each] -> write_row(each, false, 2 * (from) + 1) :: else fi; each++
  :: else -> break
  od
}
inline commit() {
#ifndef WITHOUT_FRESH_NOTES
  losses[1 - me] = 0;                                            /* its Transaction::stale */
#endif
  check()
}
inline load_chunk(from) {                                        /* Loader::load_chunk */
  prepare();
  if
#ifndef WITHOUT_NEWEST_COPY
  :: copied_from > from + 1                                      /* a newer copy has what became of these rows */
#endif
  :: else ->
     if :: copied[from] > 1 -> write_row(copied[from] - 1, true, 2 * (from) + 1) :: else fi;
     mark_older(from)
  fi;
  loaded[from] = true;
  if :: copied_from <= from -> copied_from = from + 1 :: else fi;
  if :: copied_high < copied[from] - 1 -> copied_high = copied[from] - 1 :: else fi;
  commit()
}
/* Log::lost_around: where a lost range ends that the position lies in, by the manifest next before it; 0: in none. */
#define BEFORE           (applied > 2 && log_to[2] != 2 -> 2 : (applied > 1 && log_to[1] != 1 -> 1 : 0))
#define AROUND           (applied > 0 && lost[BEFORE] && log_to[BEFORE] > applied -> log_to[BEFORE] : 0)
#define HAS_NEWS(from)   (copied[from] != 0 && !loaded[from])

proctype Load(bit me) {
  byte seen, next; bool is_lost;
begin:
  skip;
  d_step { seen = 0; next = 0; is_lost = false; losses[me] = 0 };
  do
  :: d_step { losses[me] == 0 -> losses[me] = noted + 1 }        /* another table began: the notes are read */
  :: d_step { HAS_NEWS(0) -> load_chunk(0) }
  :: d_step { HAS_NEWS(1) -> load_chunk(1) }
  :: d_step { HAS_NEWS(2) -> load_chunk(2) }
#if N > 2
  :: d_step { HAS_NEWS(3) -> load_chunk(3) }
#endif
#if N > 3
  :: d_step { HAS_NEWS(4) -> load_chunk(4) }
#endif
  :: d_step {
       (log_to[applied] != applied || AROUND != 0) -> seen = applied;   /* Log::next */
       if
       :: log_to[seen] != seen -> next = log_to[seen]; is_lost = lost[seen]
       :: else -> next = AROUND; is_lost = true                  /* Loader::check_standing: what was applied is part of a loss */
       fi
     };
     MAY_CRASH;
     d_step {
       if
       :: applied != seen                                        /* State::advance: another loader was here */
       :: applied == seen && is_lost ->                          /* Loader::load_lost */
          applied = next;
#ifndef WITHOUT_DOUBT
          if :: table && doubted < next -> doubted = next :: else fi;   /* State::doubt_all */
#endif
#ifndef WITHOUT_END_UNSEEN
          if :: WHOLE && copied_from > next -> mark_older(copied_from - 1) :: else fi;   /* Loader::end_unseen: it was loaded ahead of the loss */
#endif
#ifndef WITHOUT_FRESH_NOTES
          losses[me] = 0;
#endif
          commit()
       :: else ->                                                /* Loader::load_epoch */
          prepare();
          do
          :: seen < next ->
             seen++;
             assert(!from_log[seen]);
             from_log[seen] = true;
             write_row(seen, true, 2 * seen);
             if :: seen > 1 -> write_row(seen - 1, false, 2 * seen) :: else fi
          :: else -> break
          od;
          applied = next;
          commit()
       fi;
       seen = 0; next = 0; is_lost = false
     }
  od
}

init {
  atomic {
    each = 0; do :: each <= N -> log_to[each] = each; each++ :: else -> break od; each = 0;
    crashes = CRASHES;
    run Source(); run Somebody(); run Pipe(); run Confirm(); run Copy(); run Repair(); run Load(0);
#if PIPES > 1
    run Pipe();
#endif
#if COPIES > 1
    run Copy();
#endif
#if LOADERS > 1
    run Load(1)
#endif
  };
  /* Nothing moves any more. */
  timeout -> d_step { assert(slot && !owed); assert(END == N); assert(confirmed == N); assert(applied == N); assert(READY) }
}
