/**
 * O plano de uma corrida da bancada de ataque, o que se viu, e as poucas linhas que o dizem.
 *
 * @module
 */

/** O plano de uma corrida. */
export interface Plano {
  readonly semente: number;
  readonly entradas: number;
  /** Quanto dura cada fase depois das entradas, em segundos; zero, não há fases nem se mede. */
  readonly segundos: number;
  /** Se os servidores não mostram os pedidos. */
  readonly silencioso?: boolean;
  /** Pasta onde guardar as sessões que deram errado. */
  readonly guardar?: string | undefined;
}

/** Como foi o cliente normal durante algum tempo. */
export interface Janela {
  readonly operacoes: number;
  /** Milissegundos. */
  readonly p99: { readonly put: number; readonly get: number };
  readonly quebras: readonly string[];
}

/** O que uma corrida fez, e o que se viu. */
export interface Relatorio {
  /** Entradas e respostas, de cada tipo. */
  readonly entradas: ReadonlyMap<string, number>;
  readonly respostas: ReadonlyMap<string, number>;
  /** Sessões, conforme como acabam. */
  readonly sessoes: ReadonlyMap<string, number>;
  /** A memória de cada servidor, e a residente no pico, em MiB. */
  readonly memoria: readonly { medidas: readonly Memoria[]; pico: number }[];
  readonly fases: readonly (Janela & { readonly nome: string })[];
  /** Promessas quebradas; e as que dependem da máquina: tempos e memória. */
  readonly quebras: readonly string[];
  readonly excessos: readonly string[];
}

/**
 * Memória de um servidor em repouso, em MiB, depois de o inspetor mandar o V8 recolher o
 * lixo da thread principal (sozinho, ele só o recolhe quando chega mais). A viva é a de que
 * o programa precisa; a residente é a que o processo ocupa, com o que o malloc guarda.
 */
export interface Memoria {
  readonly quando: string;
  readonly viva: number;
  readonly residente: number;
}

/** Uma corrida em poucas linhas: o plano, o que houve e o veredito. */
export function resumir(plano: Plano, relatorio: Relatorio): string {
  const { entradas, respostas, sessoes, memoria, fases, quebras, excessos } = relatorio;
  const soma = (mapa: ReadonlyMap<string, number>) => [...mapa.values()].reduce((a, b) => a + b, 0);
  const lista = (mapa: ReadonlyMap<string, number>) =>
    [...mapa].sort(([, a], [, b]) => b - a).map(([nome, vezes]) => `${vezes} ${nome}`).join(", ");
  let sozinho: Janela | undefined;
  const linhas = fases.map((fase) => {
    const { nome, operacoes, p99 } = fase;
    if (nome === "sozinho") sozinho = fase;
    const p = (tipo: "put" | "get") =>
      `${tipo.toUpperCase()} ${p99[tipo].toFixed(2)} ms` +
      (nome === "sozinho" ? "" : ` (×${(p99[tipo] / sozinho!.p99[tipo]).toFixed(1)})`);
    return `  ${nome}: ${operacoes} operações, ${p("put")}, ${p("get")}`;
  });
  return [
    `semente ${plano.semente}, ${soma(entradas)} entradas em ${soma(sessoes)} sessões, ` +
    `${soma(respostas)} respostas conferidas`,
    `entradas: ${lista(entradas)}`,
    `sessões: ${lista(sessoes)}`,
    `respostas: ${lista(respostas)}`,
    "p99 do cliente normal:",
    ...linhas,
    "memória viva e residente (MiB):",
    ...memoria.map(({ medidas, pico }, n) =>
      `  servidor ${n + 1}: ` + medidas.map(({ quando, viva, residente }) =>
        `${viva.toFixed(1)} e ${residente.toFixed(0)} ${quando}, `
      ).join("") + `${pico.toFixed(0)} no pico`
    ),
    quebras.length === 0 ? "nenhuma quebra" : `QUEBRAS (${quebras.length}):`,
    ...quebras.slice(0, 30).map((quebra) => `  ${quebra}`),
    excessos.length === 0 ? "tempos e memória dentro do prometido" : "ALÉM DO PROMETIDO:",
    ...excessos.map((excesso) => `  ${excesso}`),
  ].join("\n");
}
