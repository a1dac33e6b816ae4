/**
 * O que a página recebeu, e como estava tudo em qualquer instante disso. Só dados: nada daqui
 * toca na página.
 *
 * @module
 */

import type { Conteudo } from "../../../ferramentas/diagrama/setas.ts";
import type { Acontecimento, Foto, Quem } from "../tipos.ts";

/** O que se guarda de cada coisa; o mais velho sai, um quarto de cada vez. */
const GUARDADOS_MAX = { fotos: 3_000, mensagens: 6_000, linhas: 3_000, mais: 500 } as const;

/** Mensagens que se olham, para trás, à procura das que vão a caminho. */
const OLHADAS_MAX = 3_000;

/** Uma mensagem, do que dela se soube até agora. */
export interface Viagem {
  readonly id: number;
  readonly n: number;
  readonly de: Quem;
  readonly para: Quem;
  readonly mensagem: Conteudo;
  readonly saiu: number;
  /** Quando se espera que chegue. */
  readonly chega: number | undefined;
  /** Quando chegou ou se perdeu. */
  fim: number | undefined;
  perdida: boolean;
}

/** Uma linha de console. */
export type LinhaDeConsole = Extract<Acontecimento, { tipo: "linha" }>;

/** Mensagens que não vieram, por serem demais. */
export type Omissao = Extract<Acontecimento, { tipo: "mais" }>;

/** O histórico: cada lista na ordem em que aconteceu. */
export interface Historico {
  readonly fotos: Foto[];
  readonly viagens: Viagem[];
  readonly porId: Map<number, Viagem>;
  readonly linhas: LinhaDeConsole[];
  readonly omissoes: Omissao[];
  /** A primeira e a última hora que se conhece. */
  principio: number;
  fim: number;
  /** Muda sempre que chega alguma coisa. */
  versao: number;
}

/** Um histórico vazio. */
export function criarHistorico(): Historico {
  return {
    fotos: [],
    viagens: [],
    porId: new Map(),
    linhas: [],
    omissoes: [],
    principio: 0,
    fim: 0,
    versao: 0,
  };
}

/** Esquece tudo: quem se liga de novo recebe tudo outra vez. */
export function esvaziar(historico: Historico): void {
  historico.porId.clear();
  for (const nome of ["fotos", "viagens", "linhas", "omissoes"] as const) {
    historico[nome].length = 0;
  }
  historico.principio = historico.fim = 0;
  historico.versao++;
}

/** Guarda uma foto. */
export function guardarFoto(historico: Historico, foto: Foto): void {
  historico.fotos.push(foto);
  aparar(historico.fotos, GUARDADOS_MAX.fotos);
  avancar(historico, foto.quando);
}

/** Guarda o que aconteceu. */
export function guardarLote(historico: Historico, lote: readonly Acontecimento[]): void {
  for (const acontecimento of lote) guardar(historico, acontecimento);
  for (const velha of aparar(historico.viagens, GUARDADOS_MAX.mensagens)) {
    historico.porId.delete(velha.id);
  }
  aparar(historico.linhas, GUARDADOS_MAX.linhas);
  aparar(historico.omissoes, GUARDADOS_MAX.mais);
}

function guardar(historico: Historico, acontecimento: Acontecimento): void {
  avancar(historico, acontecimento.quando);
  switch (acontecimento.tipo) {
    case "saiu": {
      const { id, n, de, para, mensagem, quando, chega } = acontecimento;
      const [fim, perdida] = [undefined, false];
      const viagem: Viagem = { id, n, de, para, mensagem, saiu: quando, chega, fim, perdida };
      historico.porId.set(id, viagem);
      historico.viagens.push(viagem);
      return;
    }
    case "chegou":
    case "perdeu-se": {
      // Uma que saiu antes do que ainda se guarda não tem onde se desenhe.
      const viagem = historico.porId.get(acontecimento.id);
      if (viagem === undefined) return;
      viagem.fim = acontecimento.quando;
      viagem.perdida = acontecimento.tipo === "perdeu-se";
      return;
    }
    case "linha":
      historico.linhas.push(acontecimento);
      return;
    case "mais":
      historico.omissoes.push(acontecimento);
      return;
  }
}

function avancar(historico: Historico, quando: number): void {
  if (historico.versao === 0 || historico.fim === 0) historico.principio = quando;
  historico.principio = Math.min(historico.principio, quando);
  historico.fim = Math.max(historico.fim, quando);
  historico.versao++;
}

function aparar<T>(lista: T[], max: number): T[] {
  return lista.length <= max ? [] : lista.splice(0, lista.length - Math.floor(max * 3 / 4));
}

/** Quantos, de uma lista em ordem, já tinham acontecido num instante. */
export function quantosAte<T>(lista: readonly T[], instante: number, hora: (item: T) => number) {
  let [menor, maior] = [0, lista.length];
  while (menor < maior) {
    const meio = (menor + maior) >>> 1;
    if (hora(lista[meio]!) <= instante) menor = meio + 1;
    else maior = meio;
  }
  return menor;
}

/** A foto que valia num instante; a primeira, se é anterior a todas. */
export function fotoEm({ fotos }: Historico, instante: number): Foto | undefined {
  return fotos[Math.max(0, quantosAte(fotos, instante, ({ quando }) => quando) - 1)];
}

/** O que se sabia de uma mensagem num instante. */
export interface Estado {
  readonly viagem: Viagem;
  readonly como: "a caminho" | "chegou" | "perdeu-se";
  /** Quando acabou, se acabou; senão, quando se espera. */
  readonly hora: number | undefined;
}

/** Como estava uma mensagem num instante. */
export function estadoEm(viagem: Viagem, instante: number): Estado {
  const { fim, perdida, chega } = viagem;
  if (fim === undefined || fim > instante) {
    // Que se vai perder só se sabe depois: até lá, espera-se que chegue.
    return { viagem, como: "a caminho", hora: chega ?? (perdida ? undefined : fim) };
  }
  return { viagem, como: perdida ? "perdeu-se" : "chegou", hora: fim };
}

/** As mensagens a caminho num instante, e as que acabaram há menos de `restoMs`, as novas primeiro. */
export function emCena({ viagens }: Historico, instante: number, restoMs: number): Estado[] {
  const ultima = quantosAte(viagens, instante, ({ saiu }) => saiu) - 1;
  const achadas: Estado[] = [];
  for (let n = ultima; n >= 0 && n > ultima - OLHADAS_MAX; n--) {
    const { fim } = viagens[n]!;
    if (fim === undefined || fim + restoMs > instante) {
      achadas.push(estadoEm(viagens[n]!, instante));
    }
  }
  return achadas;
}

/** As últimas mensagens que tinham saído num instante, das que `serve` deixa, em ordem. */
export function ultimas(
  { viagens }: Historico,
  instante: number,
  quantas: number,
  serve: (viagem: Viagem) => boolean,
): Estado[] {
  const ultima = quantosAte(viagens, instante, ({ saiu }) => saiu) - 1;
  const achadas: Estado[] = [];
  for (let n = ultima; n >= 0 && n > ultima - OLHADAS_MAX && achadas.length < quantas; n--) {
    if (serve(viagens[n]!)) achadas.push(estadoEm(viagens[n]!, instante));
  }
  return achadas.reverse();
}

/** A hora da próxima mensagem das que `serve` deixa, para trás (-1) ou para a frente (1). */
export function proxima(
  { viagens }: Historico,
  instante: number,
  sentido: -1 | 1,
  serve: (viagem: Viagem) => boolean,
): number | undefined {
  let n = quantosAte(viagens, instante, ({ saiu }) => saiu) - (sentido < 0 ? 1 : 0);
  while (n >= 0 && n < viagens.length && !serve(viagens[n]!)) n += sentido;
  return viagens[n]?.saiu;
}

/** A hora da mensagem mais perto de um instante, para trás (-1) ou para a frente (1). */
export function vizinha(historico: Historico, instante: number, sentido: -1 | 1): number {
  const { viagens, principio, fim } = historico;
  const n = quantosAte(viagens, instante + (sentido < 0 ? -0.0005 : 0), ({ saiu }) => saiu);
  return viagens[sentido < 0 ? n - 1 : n]?.saiu ?? (sentido < 0 ? principio : fim);
}
