/*
 * The handshake between peers that have the same key, with an attacker who has not, and through whom every message goes.
 *
 * Two clients and two listeners, each with one connection, in any order. The attacker hands a side whatever it can make: nonces of
 * its own, and every tag, proof and answer that an honest side has ever sent, to whom and as often as it likes. A MAC is
 * an entry of a table that an honest side sets when it sends it; the attacker can set none. What a MAC binds are the
 * indices of its entry: a mutant that drops one of them shows what that is for.
 *
 * Checked: a side that believes has a partner of the same purpose which has run with both of its nonces (so nothing was
 * reflected, replayed or taken from another connection), and no two peers of the package end up with CPython's protocol.
 */

#define MESSAGES 0
#define MANAGER 1

/* The sides of a proof, the nonces and the purpose, as far as a MAC binds them. */
#ifdef WITHOUT_ROLE
#define ROLE(r) 0
#else
#define ROLE(r) (r)
#endif
#ifdef WITHOUT_LISTENER_NONCE
#define LNONCE(n) 0
#else
#define LNONCE(n) (n)
#endif
#ifdef WITHOUT_CLIENT_NONCE
#define CNONCE(c) 0
#else
#define CNONCE(c) (c)
#endif
#ifdef WITHOUT_PURPOSE
#define PURPOSE(p) 0
#else
#define PURPOSE(p) (p)
#endif
#ifdef WITHOUT_CLAIM
#define CLAIM(u) 0
#else
#define CLAIM(u) (u)
#endif

#define SERVER 0
#define CLIENT 1
/* The nonce of the attacker, beside those of the clients 0 and 1. */
#define OWN 2
/* Who a side claims to be: an honest user, or the attacker's. */
#define HONEST 0
#define ATTACKER 1

#define MAC(r, n, c, p, u) proofs[(((ROLE(r) * 2 + LNONCE(n)) * 3 + CNONCE(c)) * 2 + PURPOSE(p)) * 2 + CLAIM(u)]

/* Challenges in CPython's form: of the listeners 0 and 1, of the clients 2 and 3, and one that the attacker has made. */
#define OF_CLIENT(c) (2 + (c))
#define OF_ATTACKER 4

bool proofs[48];
bool answers[5];    /* which challenges were answered in CPython's way */
bool offered[2];    /* which listeners have sent their challenge */
bool greeted[2];    /* which clients have sent their nonce */
bool asked[2];      /* which clients have sent a challenge in CPython's form */
byte purposeOfListener[2];
byte purposeOfClient[2];
byte clientOf[2] = OWN;    /* whose nonce a listener has proved for */
byte listenerOf[2] = OWN;  /* whose challenge a client has taken up */
bool believing[2];         /* which clients believe */

/* Whether a challenge shows who has made it. */
inline checkUnmarked(challenge) {
#if defined(WITHOUT_LISTENER_TAG) && defined(WITHOUT_CLIENT_TAG)
  skip
#elif defined(WITHOUT_LISTENER_TAG)
  (challenge < 2 || challenge == OF_ATTACKER)
#elif defined(WITHOUT_CLIENT_TAG)
  (challenge >= 2)
#else
  (challenge == OF_ATTACKER)
#endif
}

proctype Listener(byte me) {
  byte client, claim;
  offered[me] = true;
  if
  :: /* A hello of a peer: with a nonce of the attacker's, or one that was seen. */
    if
    :: client = OWN
    :: greeted[0] -> client = 0
    :: greeted[1] -> client = 1
    fi;
    clientOf[me] = client;
    MAC(SERVER, me, client, purposeOfListener[me], HONEST) = true;
    if
    :: claim = HONEST
    :: claim = ATTACKER
    fi;
    MAC(CLIENT, me, client, purposeOfListener[me], claim);
#ifdef LOCAL
    /* The kernel says that the attacker's user is at the other side. */
    claim == ATTACKER;
#endif
    /* It believes. */
#ifdef LOCAL
    assert(false);
#endif
    assert(client != OWN);
    assert(listenerOf[client] == me && believing[client]);
    assert(purposeOfClient[client] == purposeOfListener[me])
  :: /* The answer of a CPython program. */
    answers[me];
#ifndef PYTHON_PEER
    assert(false)
#endif
  fi
}

proctype Client(byte me) {
  byte challenge, claim;
  /* What the attacker shows as a listener's challenge. */
  if
  :: offered[0] -> challenge = 0
  :: offered[1] -> challenge = 1
  :: asked[1 - me] -> challenge = OF_CLIENT(1 - me)
  :: challenge = OF_ATTACKER
  fi;
  if
  :: (challenge < 2) ->
    PURPOSE(purposeOfListener[challenge]) == PURPOSE(purposeOfClient[me]);
    listenerOf[me] = challenge;
    greeted[me] = true;
    if
    :: claim = HONEST
    :: claim = ATTACKER
    fi;
    MAC(SERVER, challenge, me, purposeOfClient[me], claim);
#ifdef LOCAL
    claim == ATTACKER;
    assert(false);
#endif
    /* It believes. */
#ifdef NEVER_BELIEVES
    assert(false);
#endif
    assert(clientOf[challenge] == me);
    assert(purposeOfListener[challenge] == purposeOfClient[me]);
    believing[me] = true;
    MAC(CLIENT, challenge, me, purposeOfClient[me], HONEST) = true
  :: /* As with a CPython listener. */
    checkUnmarked(challenge);
    answers[challenge] = true;
    asked[me] = true;
    /* Its own challenge is answered. */
    answers[OF_CLIENT(me)];
    assert(false)
  fi
}

#ifdef PYTHON_PEER
/* A CPython program with the key, as a client: answers whatever it is asked. */
proctype Python() {
  if
  :: offered[0] -> answers[0] = true
  :: offered[1] -> answers[1] = true
  :: asked[0] -> answers[OF_CLIENT(0)] = true
  :: asked[1] -> answers[OF_CLIENT(1)] = true
  fi
}
#endif

init {
  byte i;
  for (i : 0 .. 1) {
    if
    :: purposeOfListener[i] = MESSAGES
    :: purposeOfListener[i] = MANAGER
    fi;
    if
    :: purposeOfClient[i] = MESSAGES
    :: purposeOfClient[i] = MANAGER
    fi
  }
  atomic {
    run Listener(0);
    run Listener(1);
    run Client(0);
    run Client(1);
#ifdef PYTHON_PEER
    run Python()
#endif
  }
}
