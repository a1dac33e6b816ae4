/**
 * O verificador: dada a história de uma corrida com falhas e as tabelas no fim,
 * diz o que o sistema prometeu (docs/garantias.md) e não cumpriu. É puro: as
 * mesmas regras servem às corridas de verdade e às histórias escritas à mão que
 * provam que ele pega cada quebra.
 *
 * @module
 */

/** Um pedido de um cliente e o que lhe responderam. Tempos em milissegundos, do mesmo relógio. */
export interface Operacao {
  readonly cliente: number;
  readonly servidor: number;
  readonly tipo: "PUT" | "GET";
  readonly key: string;
  /** Num PUT, o value enviado; cada PUT de uma história tem um value só seu. */
  readonly value?: string;
  /** Num GET, o timestamp enviado. */
  readonly meuTimestamp?: number;
  readonly inicio: number;
  readonly fim: number;
  readonly resposta:
    | { readonly tipo: "PUT_OK"; readonly timestamp: number }
    | { readonly tipo: "GET_OK"; readonly value: string | null; readonly timestamp: number }
    | { readonly tipo: "TRY_OTHER_SERVER_OR_LATER"; readonly timestamp: number }
    | { readonly tipo: "ERRO"; readonly definitivo: boolean; readonly erro: string }
    /** A conexão se perdeu (o servidor foi morto): nada se sabe. */
    | { readonly tipo: "perdida" }
    | { readonly tipo: "sem resposta" };
}

/** De um instante a outro. */
export type Intervalo = readonly [de: number, ate: number];

/** O que se viu numa corrida. */
export interface Historia {
  readonly operacoes: readonly Operacao[];
  /** Quando cada servidor começou, cada vez que começou. */
  readonly inicios: readonly (readonly number[])[];
  /** Se os servidores guardam em disco: então nem um que acabou de voltar pode ter esquecido. */
  readonly emDisco: boolean;
  /** Dos inícios, os que foram com uma pasta que não era a que o servidor deixou; sem, nenhum. */
  readonly trocas?: readonly (readonly number[])[];
  /** De quando a quando cada servidor esteve pausado (SIGSTOP): não é tempo seu; sem, nunca. */
  readonly pausas?: readonly (readonly Intervalo[])[];
  /** Maior tempo aceitável de um pedido, em milissegundos, fora as pausas. */
  readonly prazo: number;
  /** No fim, tudo são: a tabela de cada servidor. */
  readonly tabelas: readonly ReadonlyMap<string, { value: string | null; timestamp: number }>[];
}

/** Uma história em JSON, e de volta. */
export function gravarHistoria(historia: Historia): string {
  return JSON.stringify({ ...historia, tabelas: historia.tabelas.map((tabela) => [...tabela]) });
}

export function lerHistoria(texto: string): Historia {
  const historia = JSON.parse(texto);
  return {
    ...historia,
    tabelas: historia.tabelas.map((pares: [string, never][]) => new Map(pares)),
  };
}

/** O que se verifica. */
const REGRAS = {
  tabelasIguais,
  confirmadosPresentes,
  nuncaParaTras,
  timestampsUnicos,
  ordemDosPuts,
  respostasNoPrazo,
  errosSemRastro,
  confirmadoEmTodaParte,
} satisfies { [nome: string]: (historia: Historia) => Iterable<string> };

/**
 * Todas as quebras, uma frase cada; nenhuma, a história cumpre o que se prometeu. `sem` são as
 * regras que não se prometem.
 */
export function verificar(
  historia: Historia,
  sem: readonly (keyof typeof REGRAS)[] = [],
): string[] {
  const regras = Object.entries(REGRAS) as [
    keyof typeof REGRAS,
    (h: Historia) => Iterable<string>,
  ][];
  return regras.filter(([nome]) => !sem.includes(nome)).flatMap((
    [, regra],
  ) => [...regra(historia)]);
}

/** As keys de que os servidores não têm todos o mesmo. */
export function* tabelasIguais(
  { tabelas }: Pick<Historia, "tabelas">,
): Generator<string, undefined> {
  const [primeira, ...outras] = tabelas;
  for (const key of new Set(tabelas.flatMap((tabela) => [...tabela.keys()]))) {
    const esperada = JSON.stringify(primeira?.get(key));
    for (const [n, outra] of outras.entries()) {
      const achada = JSON.stringify(outra.get(key));
      if (achada === esperada) continue;
      yield `tabelas diferentes: ${key}: servidor 0 ${esperada}, servidor ${n + 1} ${achada}`;
    }
  }
}

/** Os PUTs confirmados. */
function confirmados(operacoes: readonly Operacao[]) {
  return operacoes.flatMap((operacao) =>
    operacao.resposta.tipo === "PUT_OK"
      ? [{ ...operacao, timestamp: operacao.resposta.timestamp }]
      : []
  );
}

/** Os GETs respondidos com um value (ou NULL). */
function lidos(operacoes: readonly Operacao[]) {
  return operacoes.flatMap((operacao) =>
    operacao.resposta.tipo === "GET_OK" ? [{ ...operacao, ...operacao.resposta, tipo: "GET" }] : []
  );
}

function* confirmadosPresentes({ operacoes, tabelas }: Historia): Generator<string> {
  for (const { key, value, timestamp } of confirmados(operacoes)) {
    for (const [n, tabela] of tabelas.entries()) {
      const final = tabela.get(key);
      const perdido = !final || final.timestamp < timestamp ||
        (final.timestamp === timestamp && final.value !== value);
      if (perdido) {
        yield `PUT confirmado perdido: ${key}=${value} ts ${timestamp}, servidor ${n} tem ` +
          JSON.stringify(final);
      }
    }
  }
}

function* nuncaParaTras({ operacoes }: Historia): Generator<string> {
  const vistos = new Map<string, number>();
  for (const { cliente, servidor, key, resposta } of operacoes) {
    if (resposta.tipo !== "PUT_OK" && resposta.tipo !== "GET_OK") continue;
    const quem = `cliente ${cliente}, key ${key}`;
    const antes = vistos.get(quem) ?? 0;
    if (resposta.timestamp < antes) {
      yield `voltou no tempo: ${quem}: ts ${antes}, depois ${resposta.timestamp} ` +
        `(servidor ${servidor})`;
    }
    vistos.set(quem, Math.max(antes, resposta.timestamp));
  }
}

function* timestampsUnicos({ operacoes, tabelas }: Historia): Generator<string> {
  const donos = new Map<number, string>();
  const vistos = [
    ...confirmados(operacoes),
    ...lidos(operacoes),
    ...tabelas.flatMap((tabela) => [...tabela].map(([key, versao]) => ({ key, ...versao }))),
  ];
  for (const { key, value, timestamp } of vistos) {
    if (timestamp === 0) continue;
    const dono = JSON.stringify([key, value]);
    const outro = donos.get(timestamp) ?? dono;
    if (outro !== dono) yield `timestamp ${timestamp} dado duas vezes: ${outro} e ${dono}`;
    donos.set(timestamp, dono);
  }
}

/** Um PUT que só começou depois de outro confirmado tem timestamp maior. */
function* ordemDosPuts({ operacoes }: Historia): Generator<string> {
  const puts = confirmados(operacoes);
  const porFim = puts.toSorted((a, b) => a.fim - b.fim);
  let [n, maior] = [0, 0];
  for (const { key, inicio, timestamp } of puts.toSorted((a, b) => a.inicio - b.inicio)) {
    for (; porFim[n] && porFim[n]!.fim < inicio; n++) maior = Math.max(maior, porFim[n]!.timestamp);
    if (timestamp < maior) yield `PUT fora de ordem: ${key} ts ${timestamp}, depois de ${maior}`;
  }
}

function* respostasNoPrazo({ operacoes, pausas, prazo }: Historia): Generator<string> {
  for (const { tipo, key, servidor, inicio, fim, resposta } of operacoes) {
    const pausado = emComum(pausas?.[servidor] ?? [], [inicio, fim]);
    const ms = Math.round(fim - inicio - pausado);
    // Quem desistiu de esperar por um servidor pausado não sabe se ele responderia a tempo.
    if (ms > prazo || (resposta.tipo === "sem resposta" && pausado === 0)) {
      yield `pedido além do prazo: ${tipo} ${key} ao servidor ${servidor}, ${ms} ms` +
        (pausado > 0 ? ` e ${Math.round(pausado)} ms de pausa` : "");
    }
  }
}

/** Quanto de um intervalo está também nos outros, que não se sobrepõem. */
function emComum(outros: readonly Intervalo[], [de, ate]: Intervalo): number {
  return outros.reduce(
    (soma, outro) => soma + Math.max(0, Math.min(ate, outro[1]) - Math.max(de, outro[0])),
    0,
  );
}

function* errosSemRastro({ operacoes, tabelas }: Historia): Generator<string> {
  const recusados = new Set<string | null>();
  const escritos = new Set<string | null>([null]);
  for (const { tipo, value, resposta } of operacoes) {
    if (tipo !== "PUT") continue;
    escritos.add(value!);
    if (resposta.tipo === "ERRO" && resposta.definitivo) recusados.add(value!);
  }
  const lidas = lidos(operacoes).map(({ key, value }) => ({ key, value }));
  const finais = tabelas.flatMap((tabela) =>
    [...tabela].map(([key, { value }]) => ({ key, value }))
  );
  for (const { key, value } of [...lidas, ...finais]) {
    if (recusados.has(value)) yield `ERRO definitivo deixou rastro: ${key}=${value}`;
    if (!escritos.has(value)) yield `value que ninguém escreveu: ${key}=${value}`;
  }
}

/**
 * Depois de um PUT_OK, todo servidor responde com esse value ou um mais novo. Um
 * que só guarda na memória, ou cuja pasta foi trocada, e começou depois do PUT pode ainda
 * não o ter.
 */
function* confirmadoEmTodaParte(historia: Historia): Generator<string> {
  const { operacoes, inicios, emDisco, trocas = [] } = historia;
  const puts = Map.groupBy(
    confirmados(operacoes).sort((a, b) => a.fim - b.fim),
    ({ key }) => key,
  );
  for (const get of lidos(operacoes)) {
    const esquecidos = emDisco ? trocas[get.servidor] ?? [] : inicios[get.servidor]!;
    const desde = esquecidos.findLast((t) => t <= get.fim) ?? -Infinity;
    const daKey = puts.get(get.key) ?? [];
    // Bastam os últimos confirmados antes do GET: os timestamps crescem com os PUTs.
    const ultimo = daKey.findLastIndex(({ fim }) => fim < get.inicio);
    for (const put of daKey.slice(Math.max(0, ultimo - 20), ultimo + 1)) {
      if (put.inicio > desde && get.timestamp < put.timestamp) {
        yield `PUT_OK não estava em toda parte: ${put.key} ts ${put.timestamp} confirmado, e depois ` +
          `o servidor ${get.servidor} deu ts ${get.timestamp}`;
      }
    }
  }
}
