/*
 * O protocolo de replicação como um modelo: um líder, dois seguidores, clientes
 * que fazem PUT no líder e GET em qualquer um, servidores que caem e voltam vazios,
 * com a sua pasta, ou com uma cópia antiga de uma pasta do grupo, e conexões que se
 * rompem com mensagens a caminho.
 *
 *   deno task modelo            (onde o spin e um compilador C estão instalados)
 *
 * O que se verifica, em todas as execuções dentro dos limites abaixo:
 *   A. nenhum timestamp é dado duas vezes, recomeços do líder incluídos;
 *   B. um PUT_OK só sai quando todo servidor tem aquele value ou um mais novo
 *      (ou caiu depois de o confirmar, o que o líder ainda não podia saber);
 *   C. nenhum cliente lê um value dado antes de outro que já viu da mesma key;
 *   D. postos todos em dia, as tabelas são iguais e nada confirmado se perdeu;
 *   E. um líder que recomeça sempre sabe que tabela é a do grupo.
 * Com UM_SO, enquanto não haja dois servidores estragados ao mesmo tempo: está
 * estragado o que voltou vazio ou com uma cópia antiga, até que fique em dia (o
 * líder, até que abra).
 *
 * PELO_TIMESTAMP quebra o protocolo de propósito: no lugar da história, vale o maior
 * timestamp. FIM_PELA_SEGUINTE, SEM_O_QUE_FALTA e SEM_TIMESTAMP são erros que o programa já
 * teve: uma época que acaba onde começa a seguinte, uma cópia a meio que passa por inteira, e
 * uma pasta que só sabe o timestamp dos seus registros, e não o de um SYNC. SEM_E não verifica
 * E. Ver `verificar.ts`.
 *
 * O que o modelo deixa de fora: o encaminhamento (um PUT por um seguidor é, para
 * a replicação, um PUT no líder), os prazos (um cliente desiste quando quer), o
 * disco que se atrasa (o que entra na tabela está na pasta), os pulsos (uma conexão se
 * rompe quando quer), o conteúdo dos values (cada um é o seu timestamp), as páginas da
 * leitura de um seguidor (é um passo só, que o líder pode não acabar), a espera do
 * primeiro SYNC_OK, o tamanho real de uma reserva, e a queda de todos os que sabiam de
 * tudo: na memória ela perde a tabela, e é por isso que existe --dados.
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
#ifndef MORTES
#define MORTES 0    /* quedas de quem volta com a sua pasta */
#endif
#ifndef COPIAS
#define COPIAS 0    /* quedas de quem volta com a cópia; ela se faz uma vez, de um qualquer */
#endif
#ifndef EPOCAS_MAX
#define EPOCAS_MAX 3  /* épocas que uma história guarda */
#endif
/* SO_O_LIDER: só o líder cai, e só a sua pasta se copia; com a cópia volta um seguidor. */
/* SO_PUTS: não há GETs; cada cliente escreve sempre na mesma key, e o segundo uma vez. */
#define CLIENTES 2
#define RESERVA 6   /* maior que o dobro dos PUTs em curso, como no programa */
#define TS_MAX 60
#define EPOCAS 6    /* uma por abertura */
#define NADA 255    /* maior que qualquer timestamp */

mtype = { ENTRY, SYNC, ENTRA, DESCARTA };           /* as duas últimas: o primeiro SYNC */
mtype = { FORA, LIDO, LEVANDO, INDO, EM_DIA };      /* sessão de um seguidor */
mtype = { QUIETO, PEDIDO, NA_TABELA, CONFIRMADO };  /* PUT de um cliente */

#define TAB(s, k) tab[(s) * KEYS + (k)]
#define MENOR(a, b) ((a) < (b) -> (a) : (b))
#define MAIOR(a, b) ((a) > (b) -> (a) : (b))

byte tab[3 * KEYS];        /* timestamp de cada key em cada servidor; 0, não há */
byte maior[3];             /* o maior timestamp que cada um conhece */
byte reserva[3];           /* a reserva que cada um conhece */
/*
 * A história de cada um, pela sua última época: uma época começa uma vez, e assim a
 * última diz todas as anteriores. Zero é SEM_HISTORIA, em que ninguém deu nada.
 */
byte epoca[3];
byte mae[EPOCAS + 1];      /* a época anterior a cada uma */
byte apos[EPOCAS + 1];     /* o maior timestamp que havia quando ela começou */
byte criadas;
byte desde[3] = NADA;      /* onde começou a cópia que não se acabou; NADA, nenhuma */
byte vida[3];              /* quantas vezes cada um já começou */
bool conectado[2];         /* se a sessão do seguidor 1+f ainda tem conexão */

/* O líder (servidor 0). */
bool aberto;
mtype sessao[2] = FORA;
byte vidaDaSessao[2];      /* com que vida do seguidor ela foi feita */
byte epocaLida[2];         /* LEADER_OK: a história do seguidor */
byte desdeLido[2];
byte levados[2];           /* até que timestamp já lhe foi levado; o de LEADER_OK, se LIDO */
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
byte mortes = MORTES;
byte copias = COPIAS;
bool ruim[3];              /* quem está estragado */
bool haCopia;              /* a cópia de uma pasta */
byte copiaTab[KEYS];
byte copiaMaior;
byte copiaReserva;
byte copiaEpoca;
byte copiaDesde;
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

/* O menor timestamp que o servidor s tem depois de outro, em qualquer key; 0, nenhum. */
inline proximo(s, depois, t, k) {
  t = 0;
  k = 0;
  i = 0;
  do
  :: i < KEYS ->
    if
    :: TAB(s, i) > depois && (t == 0 || TAB(s, i) < t) -> t = TAB(s, i); k = i
    :: else
    fi;
    i++
  :: else -> break
  od
}

/*
 * comumAte() e ehComeco(): se tudo o que tem uma tabela, de época ea e timestamp ta, a
 * outra também tem. `fa` e `fb` são até onde cada uma é de fiar: o seu timestamp, ou onde
 * começou a cópia por acabar. Uma época acaba onde começa, mais
 * abaixo, qualquer das seguintes; com FIM_PELA_SEGUINTE, onde começa a seguinte.
 */
#ifdef FIM_PELA_SEGUINTE
#define FIM(a, b) (b)
#else
#define FIM(a, b) MENOR(a, b)
#endif
inline verComeco(ea, ta, fa, eb, fb, e) {
#ifdef PELO_TIMESTAMP
  e = true
#else
  e = (ta == 0);
  x = ea; ax = NADA; n = 0;
  do
  :: n < EPOCAS_MAX ->
    y = eb; ay = NADA; m = 0;
    do
    :: m < EPOCAS_MAX && y != x && y != 0 -> ay = FIM(ay, apos[y]); y = mae[y]; m++
    :: else -> break
    od;
    if
    :: m < EPOCAS_MAX && y == x ->
      e = e || (ta <= fa && ta <= ax && ta <= fb && ta <= ay);
      break
    :: else ->
      if
      :: x == 0 -> break
      :: else -> ax = FIM(ax, apos[x]); x = mae[x]; n++
      fi
    fi
  :: else -> break
  od;
  x = 0; y = 0; ax = 0; ay = 0; n = 0; m = 0
#endif
}

/* O que cada um disse de si: 0 é o líder, f + 1 o seguidor f. */
inline ouvir() {
  ditoTs[0] = maior[0]; ditoEpoca[0] = epoca[0]; ditoDesde[0] = desde[0];
  for (i : 1 .. 2) {
    ditoTs[i] = levados[i - 1]; ditoEpoca[i] = epocaLida[i - 1]; ditoDesde[i] = desdeLido[i - 1]
  }
  for (i : 0 .. 2) { deFiar[i] = MENOR(ditoTs[i], ditoDesde[i]) }
  i = 0
}

inline esquecer() {
  for (i : 0 .. 2) {
    ditoTs[i] = 0; ditoEpoca[i] = 0; ditoDesde[i] = 0; deFiar[i] = 0; apoios[i] = 0
  }
  for (i : 0 .. 8) { comeco[i] = false }
  i = 0
}

/* escolherOrigem(): de quem é a tabela do grupo; NADA, não se sabe. */
inline escolherOrigem() {
  i = 0;
  do
  :: i < 9 ->
    a = i / 3;
    b = i % 3;
    verComeco(ditoEpoca[a], ditoTs[a], deFiar[a], ditoEpoca[b], deFiar[b], comeco[i]);
    if
    :: comeco[i] || a == b -> comeco[i] = true; apoios[b]++
    :: else
    fi;
    i++
  :: else -> break
  od;
#ifdef PELO_TIMESTAMP
  o = 0;
  for (i : 1 .. 2) {
    if
    :: levados[i - 1] > ditoTs[o] -> o = i
    :: else
    fi
  }
#else
  m = 0;
  for (i : 0 .. 2) {
    if
    :: apoios[i] > m -> m = apoios[i]
    :: else
    fi
  }
  /* O primeiro; se outro tem tantos apoios e um não é começo do outro, só se é o líder. */
  o = NADA;
  for (i : 0 .. 2) {
    if
    :: apoios[i] < m
    :: apoios[i] == m && o == NADA -> o = i
    :: apoios[i] == m && o != NADA ->
      if
#ifndef SEM_O_QUE_FALTA
      /* A cópia por acabar cede à inteira, e a que começou antes à que começou depois. */
      :: !comeco[3 * o + i] && ditoDesde[i] > ditoDesde[o] -> o = i
      :: !comeco[3 * o + i] && ditoDesde[i] < ditoDesde[o]
      :: !comeco[3 * o + i] && ditoDesde[i] == ditoDesde[o] && ditoDesde[o] < NADA ->
        if
        :: ditoTs[i] > ditoTs[o] -> o = i
        :: else
        fi
      :: !(comeco[3 * o + i] && comeco[3 * i + o]) && ditoDesde[i] == NADA &&
        ditoDesde[o] == NADA && !(o == 0 && maior[0] > 0) -> t = 1
      :: else
#else
      :: !(comeco[3 * o + i] && comeco[3 * i + o]) && !(o == 0 && maior[0] > 0) -> t = 1
      :: else
#endif
      fi
    fi
  }
  if
  :: t == 1 -> o = NADA
  :: else
  fi;
#endif
  i = 0; m = 0; t = 0; a = 0; b = 0
}

/* Esvazia a tabela de um servidor. */
inline esvaziar(s) {
  i = 0;
  do
  :: i < KEYS -> TAB(s, i) = 0; i++
  :: else -> break
  od;
  maior[s] = 0; i = 0
}

/* Quem volta com uma pasta sabe por ela o timestamp que tinha. */
inline lerPasta(s) {
#ifdef SEM_TIMESTAMP
  maior[s] = 0;
  i = 0;
  do
  :: i < KEYS ->
    if
    :: TAB(s, i) > maior[s] -> maior[s] = TAB(s, i)
    :: else
    fi;
    i++
  :: else -> break
  od;
  i = 0;
#endif
  vida[s]++
}

/* Morre o líder: nada sobra das conexões; quem esperava um PUT não sabe dele. */
inline morrerLider() {
  aberto = false;
  for (f : 0 .. 1) {
    limpar(f);
    limparVolta(f);
    sessao[f] = FORA; conectado[f] = false;
    confirmado[f] = 0; levados[f] = 0; vidaDaSessao[f] = 0; epocaLida[f] = 0; desdeLido[f] = 0
  }
  for (f : 0 .. CLIENTES - 1) {
    if
    :: put[f] == NA_TABELA || put[f] == PEDIDO -> put[f] = QUIETO
    :: else
    fi
  }
  f = 0
}

/* #abrir(): daqui em diante quem sabe de tudo é o líder. */
inline abrir() {
  aberto = true;
  criadas++;
  mae[criadas] = epoca[0];
  apos[criadas] = maior[0];
  epoca[0] = criadas;
  desde[0] = NADA;
  ruim[0] = false;
  if
  :: reserva[0] > 0 -> maior[0] = reserva[0] - 1
  :: else
  fi;
  reserva[0] = reserva[0] + RESERVA;
  if
  :: reserva[0] > reservada -> reservada = reserva[0]
  :: else
  fi
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
  byte f, i, k, t, m, n, o, a, b, x, y, ax, ay;
  byte ditoTs[3], ditoEpoca[3], ditoDesde[3], deFiar[3];
  bool comeco[9];
  byte apoios[3];
  mtype tipo;
  do
  /* JOIN e LEADER: o seguidor se apresenta, o líder disca e lê onde ele está. */
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
    epocaLida[f] = epoca[f + 1];
    desdeLido[f] = desde[f + 1];
    if
    :: !aberto ->
      if
      :: reserva[f + 1] > reserva[0] -> reserva[0] = reserva[f + 1]
      :: else
      fi
    :: else
    fi;
    sessao[f] = LIDO; f = 0
  }

  /* #reunir() e #tomarDe(): com todos presentes, o líder que recomeça escolhe a tabela
     do grupo, toma-a se não é a sua, e abre; ou morre a meio, com o que já tomou. */
  :: atomic {
    !aberto && sessao[0] == LIDO && sessao[1] == LIDO ->
    d_step { ouvir(); escolherOrigem() };
#ifndef SEM_E
    assert(o != NADA);
#endif
    if
    :: o == 0 -> abrir()
    :: o > 0 && o != NADA && conectado[o - 1] ->
      d_step {
        if
        :: !comeco[o] -> esvaziar(0)
        :: else
        fi
      }
      /* A história vai antes do primeiro registro. */
      epoca[0] = epocaLida[o - 1];
#ifndef SEM_O_QUE_FALTA
      desde[0] = MENOR(desde[0], maior[0]);
#endif
      do
      :: true ->
        d_step { proximo(o, maior[0], t, k) };
        if
        :: t > 0 -> TAB(0, k) = t; maior[0] = t; k = 0; t = 0
        :: else -> break
        fi
      :: mortes > 0 -> mortes--; lerPasta(0); morrerLider(); break
      od;
      if
      :: sessao[0] == LIDO ->
        maior[0] = MAIOR(maior[0], levados[o - 1]);
        abrir()
      :: else
      fi
    :: else
    fi;
    d_step { esquecer(); o = 0; k = 0; t = 0 }
  }

  /* #porEmDia(): o primeiro SYNC, com a história; a quem não é um começo, que descarte. */
  :: atomic {
    aberto && ((sessao[0] == LIDO && nfull(ida0)) || (sessao[1] == LIDO && nfull(ida1))) ->
    if
    :: sessao[0] == LIDO && nfull(ida0) -> f = 0
    :: sessao[1] == LIDO && nfull(ida1) -> f = 1
    fi;
    d_step {
      ouvir();
      verComeco(epocaLida[f], levados[f], deFiar[f + 1], epoca[0], maior[0], comeco[0]);
#ifndef SEM_O_QUE_FALTA
      /* O que veio deste mesmo líder, e não se acabou, continua. */
      comeco[0] = comeco[0] || epocaLida[f] == epoca[0]
#endif
    };
    if
    :: comeco[0] -> assert(levados[f] <= maior[0]); mandar(f, ENTRA, epoca[0], levados[f], reserva[0])
    :: else -> levados[f] = 0; confirmado[f] = 0; mandar(f, DESCARTA, epoca[0], 0, reserva[0])
    fi;
    sessao[f] = LEVANDO;
    d_step { esquecer(); epocaLida[f] = 0; desdeLido[f] = 0; f = 0 }
  }

  /* Depois, o trecho final da tabela, em ordem, e o segundo SYNC. */
  :: atomic {
    aberto && ((sessao[0] == LEVANDO && nfull(ida0)) || (sessao[1] == LEVANDO && nfull(ida1))) ->
    if
    :: sessao[0] == LEVANDO && nfull(ida0) -> f = 0
    :: sessao[1] == LEVANDO && nfull(ida1) -> f = 1
    fi;
    d_step { proximo(0, levados[f], t, k) };
    if
    :: t > 0 -> mandar(f, ENTRY, k, t, 0); levados[f] = t
    :: else -> mandar(f, SYNC, 0, maior[0], reserva[0]); sessao[f] = INDO
    fi;
    k = 0; t = 0; i = 0; f = 0
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
      :: vida[f + 1] == vidaDaSessao[f] -> ruim[f + 1] = false
      :: else
      fi;
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
    confirmado[f] = 0; levados[f] = 0; vidaDaSessao[f] = 0;
    epocaLida[f] = 0; desdeLido[f] = 0; f = 0
  }
  od
}

/* O seguidor 1+f: REPLICATION (5d), ENTRY e SYNC, na ordem em que chegam. */
proctype Seguidor(byte f; chan ida; chan volta) {
  byte i, k, t, r;
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
      :: tipo == DESCARTA -> esvaziar(f + 1)
      :: else
      fi;
      if
      :: tipo == SYNC -> desde[f + 1] = NADA
      :: else ->
        epoca[f + 1] = k;
#ifndef SEM_O_QUE_FALTA
        desde[f + 1] = MENOR(desde[f + 1], t)
#endif
      fi;
      if
      :: t > maior[f + 1] -> maior[f + 1] = t
      :: else
      fi;
      if
      :: r > reserva[f + 1] -> reserva[f + 1] = r
      :: else
      fi
    fi;
    if
    :: tipo == ENTRY || tipo == SYNC -> volta!tipo(t)
    :: else
    fi;
    tipo = ENTRY; k = 0; t = 0; r = 0
  }
  od
}

proctype Cliente(byte c) {
  byte k, s, n;
#ifdef SO_PUTS
  for (n : 1 .. (c == 0 -> PEDIDOS : 1)) {
#else
  for (n : 1 .. PEDIDOS) {
#endif
#ifdef SO_PUTS
    k = c % KEYS;
#else
    select(k : 0 .. KEYS - 1);
#endif
    if
    :: /* PUT: espera, ou desiste (prazo, conexão perdida) em qualquer momento. */
      atomic { keyDoPut[c] = k; put[c] = PEDIDO };
      if
      :: atomic {
        put[c] == CONFIRMADO ->
#ifndef SO_PUTS
        if
        :: ordem[tsDoPut[c]] > ordem[visto[c * KEYS + k]] -> visto[c * KEYS + k] = tsDoPut[c]
        :: else
        fi
#endif
      }
      :: true
      fi;
      atomic { put[c] = QUIETO; tsDoPut[c] = 0; keyDoPut[c] = 0 }
#ifndef SO_PUTS
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
#endif
    fi
  }
}

/* Se o servidor s sabe de tudo: tem o que foi confirmado, e a maior reserva. */
#if KEYS == 1
#define SABE(s) (reserva[s] == reservada && TAB(s, 0) >= feito[0])
#else
#define SABE(s) (reserva[s] == reservada && TAB(s, 0) >= feito[0] && TAB(s, 1) >= feito[1])
#endif

/* Se um seguidor, ou o líder, se pode estragar. */
#ifdef UM_SO
#define PODE_SEGUIDOR(s) (!ruim[0] && !ruim[3 - (s)])
#define PODE_LIDER (!ruim[1] && !ruim[2])
#else
#define PODE_SEGUIDOR(s) SABE(0)
#define PODE_LIDER (SABE(1) || SABE(2))
#endif

#ifdef SO_O_LIDER
#define QUALQUER false
#else
#define QUALQUER true
#endif

inline cair(s) {
  esvaziar(s);
  reserva[s] = 0; epoca[s] = 0; desde[s] = NADA; ruim[s] = true; vida[s]++
}

/* Volta com a cópia no lugar da sua pasta. */
inline voltarComCopia(s) {
  i = 0;
  do
  :: i < KEYS -> TAB(s, i) = copiaTab[i]; i++
  :: else -> break
  od;
  maior[s] = copiaMaior; reserva[s] = copiaReserva; epoca[s] = copiaEpoca; desde[s] = copiaDesde; ruim[s] = true;
  i = 0;
  lerPasta(s)
}

active proctype Falhas() {
  byte f, i;
end:
  do
  /* Cai um seguidor: o que ele respondeu e já está a caminho ainda chega. */
  :: atomic {
    quedas + mortes + copias > 0 ->
    select(f : 0 .. 1);
    if
    :: quedas > 0 && PODE_SEGUIDOR(f + 1) && QUALQUER -> quedas--; cair(f + 1)
    :: mortes > 0 && QUALQUER -> mortes--; lerPasta(f + 1)
    :: copias > 0 && haCopia && PODE_SEGUIDOR(f + 1) -> copias--; voltarComCopia(f + 1)
    fi;
    conectado[f] = false;
    limpar(f); f = 0
  }
  /* Cai o líder. */
  :: atomic {
    (quedas > 0 && PODE_LIDER) || mortes > 0 || (copias > 0 && haCopia && PODE_LIDER && QUALQUER) ->
    if
    :: quedas > 0 && PODE_LIDER -> quedas--; cair(0)
    :: mortes > 0 -> mortes--; lerPasta(0)
    :: copias > 0 && haCopia && PODE_LIDER && QUALQUER -> copias--; voltarComCopia(0)
    fi;
    morrerLider()
  }
#if COPIAS > 0
  /* Copia-se a pasta de um servidor. */
  :: atomic {
    !haCopia ->
#ifndef SO_O_LIDER
    select(f : 0 .. 2);
#endif
    haCopia = true;
    i = 0;
    do
    :: i < KEYS -> copiaTab[i] = TAB(f, i); i++
    :: else -> break
    od;
    copiaMaior = maior[f]; copiaReserva = reserva[f]; copiaEpoca = epoca[f]; copiaDesde = desde[f];
    f = 0; i = 0
  }
#endif
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
