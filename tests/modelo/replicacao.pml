/*
 * O protocolo de replicação como um modelo: um líder, dois seguidores, clientes
 * que fazem PUT no líder e GET em qualquer um, servidores só na memória que caem
 * e voltam vazios, e conexões que se rompem com mensagens a caminho.
 *
 *   deno task modelo            (onde o spin e um compilador C estão instalados)
 *
 * O que se verifica, em todas as execuções dentro dos limites abaixo:
 *   A. nenhum timestamp é dado duas vezes, recomeços do líder incluídos;
 *   B. um PUT_OK só sai quando todo servidor tem aquele value ou um mais novo
 *      (ou caiu depois de o confirmar, o que o líder ainda não podia saber);
 *   C. nenhum cliente lê um value dado antes de outro que já viu da mesma key;
 *   D. postos todos em dia, as tabelas são iguais e nada confirmado se perdeu.
 *
 * O que o modelo deixa de fora: o encaminhamento (um PUT por um seguidor é, para
 * a replicação, um PUT no líder), os prazos (um cliente desiste quando quer), o
 * disco, os pulsos (uma conexão se rompe quando quer), o conteúdo dos values
 * (cada um é o seu timestamp), as páginas da leitura de um seguidor (é um passo
 * só), o tamanho real de uma reserva, o aviso dela antes do primeiro registro
 * levado (aqui vai só no fim, o que é mais fraco), e a queda de todos os que sabiam de tudo:
 * na memória ela perde a tabela, e é por isso que existe --dados.
 */

#ifndef KEYS
#define KEYS 1
#endif
#ifndef PEDIDOS
#define PEDIDOS 2   /* pedidos de cada cliente */
#endif
#ifndef QUEDAS
#define QUEDAS 2    /* quedas, somados os três servidores */
#endif
#ifndef ROMPIMENTOS
#define ROMPIMENTOS 1
#endif
#define CLIENTES 2
#define RESERVA 6   /* maior que o dobro dos PUTs em curso, como no programa */
#define TS_MAX 40

mtype = { ENTRY, SYNC };
mtype = { FORA, LIDO, INDO, EM_DIA };               /* sessão de um seguidor */
mtype = { QUIETO, PEDIDO, NA_TABELA, CONFIRMADO };  /* PUT de um cliente */

#define TAB(s, k) tab[(s) * KEYS + (k)]

byte tab[3 * KEYS];        /* timestamp de cada key em cada servidor; 0, não há */
byte maior[3];             /* o maior timestamp que cada um conhece */
byte reserva[3];           /* a reserva que cada um conhece */
byte vida[3];              /* quantas vezes cada um já começou */
bool conectado[2];         /* se a sessão do seguidor 1+f ainda tem conexão */

/* O líder (servidor 0). */
bool aberto;
mtype sessao[2] = FORA;
byte vidaDaSessao[2];      /* com que vida do seguidor ela foi feita */
byte levados[2];           /* até que timestamp já lhe foi levado */
byte confirmado[2];        /* até que timestamp ele confirmou */

/* Conexões: o que o líder mandou e o que o seguidor respondeu. */
chan ida0 = [4] of { mtype, byte, byte, byte };     /* tipo, key, timestamp, reserva */
chan ida1 = [4] of { mtype, byte, byte, byte };
chan volta0 = [4] of { mtype, byte };               /* ENTRY confirma, SYNC responde */
chan volta1 = [4] of { mtype, byte };

/* Os clientes. */
mtype put[CLIENTES] = QUIETO;
byte keyDoPut[CLIENTES];
byte tsDoPut[CLIENTES];
byte visto[CLIENTES * KEYS];

/* Só para verificar: nada disto existe no programa. */
byte ordem[TS_MAX];        /* em que ordem cada timestamp foi dado; 0, nunca */
byte dados_;               /* quantos já foram dados */
byte feito[KEYS];          /* o maior timestamp confirmado de cada key */
byte reservada;            /* a maior reserva jamais usada */
byte quedas = QUEDAS;
byte rompimentos = ROMPIMENTOS;

#define ADMITE (aberto && sessao[0] == EM_DIA && sessao[1] == EM_DIA)

inline aplicar(s, k, t) {
  if
  :: t > TAB(s, k) -> TAB(s, k) = t
  :: else
  fi;
  if
  :: t > maior[s] -> maior[s] = t
  :: else
  fi
}

inline mandar(f, tipo, k, t, r) {
  if
  :: f == 0 -> ida0!tipo(k, t, r)
  :: else -> ida1!tipo(k, t, r)
  fi
}

inline limpar(f) {
  if
  :: f == 0 ->
    do :: ida0?_, _, _, _ :: empty(ida0) -> break od
  :: else ->
    do :: ida1?_, _, _, _ :: empty(ida1) -> break od
  fi
}

inline limparVolta(f) {
  if
  :: f == 0 ->
    do :: volta0?_, _ :: empty(volta0) -> break od
  :: else ->
    do :: volta1?_, _ :: empty(volta1) -> break od
  fi
}

/* O menor timestamp ainda não levado ao seguidor f, em qualquer key; 0, nenhum. */
inline proximo(f, t, k) {
  t = 0;
  k = 0;
  i = 0;
  do
  :: i < KEYS ->
    if
    :: TAB(0, i) > levados[f] && (t == 0 || TAB(0, i) < t) -> t = TAB(0, i); k = i
    :: else
    fi;
    i++
  :: else -> break
  od
}

/* REPLICATION_OK de todos: os PUTs até ali recebem PUT_OK. */
inline contar() {
  if
  :: sessao[0] == EM_DIA && sessao[1] == EM_DIA ->
    m = (confirmado[0] < confirmado[1] -> confirmado[0] : confirmado[1]);
    i = 0;
    do
    :: i < CLIENTES ->
      if
      :: put[i] == NA_TABELA && tsDoPut[i] <= m ->
        assert(TAB(0, keyDoPut[i]) >= tsDoPut[i]);
        assert(TAB(1, keyDoPut[i]) >= tsDoPut[i] || vida[1] != vidaDaSessao[0]);
        assert(TAB(2, keyDoPut[i]) >= tsDoPut[i] || vida[2] != vidaDaSessao[1]);
        put[i] = CONFIRMADO;
        if
        :: tsDoPut[i] > feito[keyDoPut[i]] -> feito[keyDoPut[i]] = tsDoPut[i]
        :: else
        fi
      :: else
      fi;
      i++
    :: else -> break
    od
  :: else
  fi
}

/* Todos em dia, conectados e nada a caminho: as tabelas são iguais, e nada confirmado falta. */
inline conferir() {
  i = 0;
  do
  :: i < KEYS ->
    assert(TAB(0, i) >= feito[i]);
    assert(TAB(1, i) == TAB(0, i) || vida[1] != vidaDaSessao[0]);
    assert(TAB(2, i) == TAB(0, i) || vida[2] != vidaDaSessao[1]);
    i++
  :: else -> break
  od
}

active proctype Lider() {
  byte f, i, k, t, m, n;
  mtype tipo;
  do
  /* JOIN e LEADER: o seguidor se apresenta, o líder disca e lê onde ele está. Um
     líder que recomeçou toma dele o que tem de mais novo. */
  :: atomic {
    sessao[0] == FORA || sessao[1] == FORA ->
    if
    :: sessao[0] == FORA -> f = 0
    :: sessao[1] == FORA -> f = 1
    fi;
    limpar(f);
    limparVolta(f);
    conectado[f] = true;
    vidaDaSessao[f] = vida[f + 1];
    confirmado[f] = maior[f + 1];
    levados[f] = maior[f + 1];
    if
    :: !aberto ->
      i = 0;
      do
      :: i < KEYS ->
        if
        :: TAB(f + 1, i) > TAB(0, i) -> TAB(0, i) = TAB(f + 1, i)
        :: else
        fi;
        i++
      :: else -> break
      od;
      if
      :: maior[f + 1] > maior[0] -> maior[0] = maior[f + 1]
      :: else
      fi;
      if
      :: reserva[f + 1] > reserva[0] -> reserva[0] = reserva[f + 1]
      :: else
      fi
    :: else -> assert(maior[f + 1] <= maior[0])
    fi;
    sessao[f] = LIDO;
    if
    :: !aberto && sessao[0] != FORA && sessao[1] != FORA ->
      aberto = true;
      if
      :: reserva[0] > 0 -> maior[0] = reserva[0] - 1
      :: else
      fi;
      reserva[0] = reserva[0] + RESERVA;
      if
      :: reserva[0] > reservada -> reservada = reserva[0]
      :: else
      fi
    :: else
    fi
  }

  /* Pôr em dia: o trecho final da tabela, em ordem, e depois SYNC. */
  :: atomic {
    aberto && ((sessao[0] == LIDO && nfull(ida0)) || (sessao[1] == LIDO && nfull(ida1))) ->
    if
    :: sessao[0] == LIDO && nfull(ida0) -> f = 0
    :: sessao[1] == LIDO && nfull(ida1) -> f = 1
    fi;
    proximo(f, t, k);
    if
    :: t > 0 -> mandar(f, ENTRY, k, t, 0); levados[f] = t
    :: else -> mandar(f, SYNC, 0, maior[0], reserva[0]); sessao[f] = INDO
    fi;
    k = 0; t = 0; i = 0
  }

  /* PUT (5c): só com todos em dia; insere, e então replica. */
  :: atomic {
    ADMITE && nfull(ida0) && nfull(ida1) && (put[0] == PEDIDO || put[1] == PEDIDO) ->
    if
    :: put[0] == PEDIDO -> n = 0
    :: put[1] == PEDIDO -> n = 1
    fi;
    maior[0]++;
    t = maior[0];
    assert(t < reserva[0]);
    assert(ordem[t] == 0);
    dados_++;
    ordem[t] = dados_;
    TAB(0, keyDoPut[n]) = t;
    tsDoPut[n] = t;
    put[n] = NA_TABELA;
    mandar(0, ENTRY, keyDoPut[n], t, 0);
    mandar(1, ENTRY, keyDoPut[n], t, 0);
    /* Na metade da reserva, a próxima segue atrás, na mesma ordem. */
    if
    :: t + RESERVA / 2 == reserva[0] ->
      reserva[0] = reserva[0] + RESERVA;
      if
      :: reserva[0] > reservada -> reservada = reserva[0]
      :: else
      fi;
      mandar(0, SYNC, 0, t, reserva[0]);
      mandar(1, SYNC, 0, t, reserva[0])
    :: else
    fi;
    t = 0; n = 0
  }

  /* REPLICATION_OK (5e) e SYNC_OK. */
  :: atomic {
    nempty(volta0) || nempty(volta1) ->
    if
    :: volta0?tipo, t -> f = 0
    :: volta1?tipo, t -> f = 1
    fi;
    if
    :: t > confirmado[f] -> confirmado[f] = t
    :: else
    fi;
    if
    :: tipo == SYNC && sessao[f] == INDO ->
      sessao[f] = EM_DIA;
      if
      :: ADMITE && conectado[0] && conectado[1] && len(ida0) == 0 && len(ida1) == 0 -> conferir()
      :: else
      fi
    :: else
    fi;
    contar();
    tipo = ENTRY; t = 0; f = 0; i = 0; m = 0
  }

  /* Conexão perdida, notada quando o que ela já trouxe foi tratado, ou antes. */
  :: atomic {
    (sessao[0] != FORA && !conectado[0]) || (sessao[1] != FORA && !conectado[1]) ->
    if
    :: sessao[0] != FORA && !conectado[0] -> f = 0
    :: sessao[1] != FORA && !conectado[1] -> f = 1
    fi;
    sessao[f] = FORA;
    limpar(f);
    limparVolta(f);
    confirmado[f] = 0; levados[f] = 0; vidaDaSessao[f] = 0; f = 0
  }
  od
}

/* O seguidor 1+f: REPLICATION (5d), ENTRY e SYNC, na ordem em que chegam. */
proctype Seguidor(byte f; chan ida; chan volta) {
  byte k, t, r;
  mtype tipo;
end:
  do
  :: atomic {
    conectado[f] && nempty(ida) && nfull(volta) ->
    ida?tipo, k, t, r;
    if
    :: tipo == ENTRY -> aplicar(f + 1, k, t)
    :: else ->
      if
      :: t > maior[f + 1] -> maior[f + 1] = t
      :: else
      fi;
      if
      :: r > reserva[f + 1] -> reserva[f + 1] = r
      :: else
      fi
    fi;
    volta!tipo(t);
    tipo = ENTRY; k = 0; t = 0; r = 0
  }
  od
}

proctype Cliente(byte c) {
  byte k, s, n;
  for (n : 1 .. PEDIDOS) {
    select(k : 0 .. KEYS - 1);
    if
    :: /* PUT: espera, ou desiste (prazo, conexão perdida) em qualquer momento. */
      atomic { keyDoPut[c] = k; put[c] = PEDIDO };
      if
      :: atomic {
        put[c] == CONFIRMADO ->
        if
        :: ordem[tsDoPut[c]] > ordem[visto[c * KEYS + k]] -> visto[c * KEYS + k] = tsDoPut[c]
        :: else
        fi
      }
      :: true
      fi;
      atomic { put[c] = QUIETO; tsDoPut[c] = 0; keyDoPut[c] = 0 }
    :: /* GET (5f): um value só se o timestamp do servidor é ao menos o do cliente. */
      atomic {
        select(s : 0 .. 2);
        if
        :: TAB(s, k) >= visto[c * KEYS + k] && TAB(s, k) > 0 ->
          assert(ordem[TAB(s, k)] >= ordem[visto[c * KEYS + k]]);
          visto[c * KEYS + k] = TAB(s, k)
        :: else
        fi;
        s = 0
      }
    fi
  }
}

/* Se o servidor s sabe de tudo: tem o que foi confirmado, e a maior reserva. */
#if KEYS == 1
#define SABE(s) (reserva[s] == reservada && TAB(s, 0) >= feito[0])
#else
#define SABE(s) (reserva[s] == reservada && TAB(s, 0) >= feito[0] && TAB(s, 1) >= feito[1])
#endif

inline cair(s) {
  i = 0;
  do
  :: i < KEYS -> TAB(s, i) = 0; i++
  :: else -> break
  od;
  maior[s] = 0; reserva[s] = 0; vida[s]++; i = 0
}

active proctype Falhas() {
  byte f, i;
end:
  do
  /* Cai um seguidor: o que ele respondeu e já está a caminho ainda chega. */
  :: atomic {
    quedas > 0 && SABE(0) ->
    select(f : 0 .. 1);
    cair(f + 1);
    conectado[f] = false;
    limpar(f);
    quedas--; f = 0
  }
  /* Cai o líder: nada sobra das conexões; quem esperava um PUT não sabe dele. */
  :: atomic {
    quedas > 0 && (SABE(1) || SABE(2)) ->
    cair(0);
    aberto = false;
    for (f : 0 .. 1) {
      limpar(f);
      limparVolta(f);
      sessao[f] = FORA; conectado[f] = false;
      confirmado[f] = 0; levados[f] = 0; vidaDaSessao[f] = 0
    }
    for (f : 0 .. CLIENTES - 1) {
      if
      :: put[f] == NA_TABELA || put[f] == PEDIDO -> put[f] = QUIETO
      :: else
      fi
    }
    quedas--; f = 0
  }
  /* Rompe-se uma conexão: o que ia se perde; o que voltava ainda pode ser lido. */
  :: atomic {
    rompimentos > 0 && (conectado[0] || conectado[1]) ->
    if
    :: conectado[0] -> f = 0
    :: conectado[1] -> f = 1
    fi;
    conectado[f] = false;
    limpar(f);
    rompimentos--; f = 0
  }
  od
}

init {
  atomic {
    run Seguidor(0, ida0, volta0);
    run Seguidor(1, ida1, volta1);
    run Cliente(0);
    run Cliente(1)
  }
}
