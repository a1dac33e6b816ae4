/**
 * O papel de um diagrama: as suas medidas, onde fica a linha de cada processo, e como se chama.
 *
 * `desenhar()` prepara um só, com {@linkcode prepararPapel}, e todos os quadros o usam.
 *
 * @module
 */

import type { Evento, Seta } from "./setas.ts";

/** Em pixels. */
export const LARGURA = 1000;
export const MARGEM = { esquerda: 145, direita: 95, lado: 22 };
const ENTRE_LINHAS_MIN = 170;
export const LETRA = 11;
export const CINZA = "#59636e";

/** O que é de todos os quadros. */
export interface Papel {
  readonly largura: number;
  /** Pixels entre duas linhas vizinhas. */
  readonly passo: number;
  /** Onde fica a linha de cada processo. */
  readonly colunas: ReadonlyMap<string, number>;
  readonly nomes: ReadonlyMap<string, Nome>;
}

/** Um processo por extenso: `Servidor 1 (líder)`, `127.0.0.1:10097`. */
interface Nome {
  readonly nome: string;
  readonly onde: string;
}

/** O papel em que cabem todos os processos; `nomes`, por endereço ou por `cliente PID`. */
export function prepararPapel(
  eventos: readonly Evento[],
  setas: readonly Seta[],
  nomes: { readonly [quem: string]: string } | undefined,
): Papel {
  const processos = ordenarProcessos(eventos, setas);
  const [vaos, margens] = [processos.length - 1, MARGEM.esquerda + MARGEM.direita];
  const largura = Math.max(LARGURA, margens + ENTRE_LINHAS_MIN * vaos);
  const passo = (largura - margens) / Math.max(1, vaos);
  return {
    largura,
    passo,
    colunas: new Map(processos.map((quem, n) => [quem, MARGEM.esquerda + n * passo])),
    nomes: nomear(processos, acharLideres(setas), nomes),
  };
}

/** Se um processo é um cliente, e não um servidor. */
export function ehCliente(quem: string): boolean {
  return quem.startsWith("cliente ");
}

/** Processos de que se tentam todas as ordens; com mais, ficam na ordem em que apareceram. */
const PERMUTADOS_MAX = 7;

/**
 * Da esquerda para a direita, a ordem em que as setas andam menos; os clientes do
 * lado de fora, que é como se pensa neles.
 */
function ordenarProcessos(eventos: readonly Evento[], setas: readonly Seta[]): string[] {
  const processos = [
    ...new Set(eventos.toSorted((a, b) => a.quando - b.quando).map((e) => e.quem)),
  ];
  if (processos.length > PERMUTADOS_MAX) return processos;
  const custo = (ordem: readonly string[]) => {
    const servidores = ordem.flatMap((quem, n) => ehCliente(quem) ? [] : [n]);
    const espalhados = servidores.at(-1)! - servidores[0]! + 1 - servidores.length;
    return setas.reduce(
      (soma, { de, para }) => soma + Math.abs(ordem.indexOf(de) - ordem.indexOf(para)),
      servidores.length === 0 ? 0 : espalhados * 10 * setas.length,
    );
  };
  return permutacoes(processos).map((ordem) => ({ ordem, custo: custo(ordem) }))
    .reduce((a, b) => b.custo < a.custo ? b : a).ordem;
}

function permutacoes<T>(itens: readonly T[]): T[][] {
  if (itens.length === 0) return [[]];
  return itens.flatMap((item, n) =>
    permutacoes(itens.toSpliced(n, 1)).map((resto) => [item, ...resto])
  );
}

/** Os líderes: quem recebe o que só a eles se manda, ou manda o que só eles mandam. */
function acharLideres(setas: readonly Seta[]): Set<string> {
  return new Set(setas.flatMap(({ mensagem: { tipo }, de, para }) => {
    if (tipo === "JOIN" || tipo === "FORWARD") return [para];
    return tipo === "LEADER" || tipo === "REPLICATION" ? [de] : [];
  }));
}

function nomear(
  processos: readonly string[],
  lideres: ReadonlySet<string>,
  nomes: { readonly [quem: string]: string } = {},
): Map<string, Nome> {
  let clientes = 0;
  return new Map(processos.map((quem) => {
    const pid = /^cliente (\d+)$/.exec(quem)?.[1];
    const letra = () => String.fromCharCode("A".charCodeAt(0) + clientes++ % 26);
    const lider = lideres.has(quem);
    const nome = Object.hasOwn(nomes, quem)
      ? nomes[quem] + (lider ? " (líder)" : "")
      : pid !== undefined
      ? `cliente ${letra()}`
      : lider
      ? "líder"
      : "servidor";
    return [quem, { nome, onde: pid === undefined ? quem : `processo ${pid}` }];
  }));
}
