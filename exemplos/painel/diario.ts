/**
 * O diário de uma corrida: o que aconteceu, em fatias de {@linkcode TIQUE_MS}, já escrito como a
 * página o recebe, e guardado para quem chega depois. Numa rajada vão só algumas mensagens de cada
 * fatia, e conta-se quantas não foram.
 *
 * @module
 */

import type { Acontecimento, Foto, Quem } from "./tipos.ts";

/** De quanto em quanto se conta à página o que aconteceu, em milissegundos. */
const TIQUE_MS = 50;

/** Mensagens e linhas de cada console que vão numa fatia; as outras contam-se. */
const POR_TIQUE = { mensagens: 60, linhas: 40 } as const;

/** O que se guarda para quem chega depois: acontecimentos, fotos e caracteres. */
export const GUARDADOS = { acontecimentos: 2_000, fotos: 1_000, caracteres: 16_000_000 } as const;

/** A foto de uma corrida de que ainda nada se sabe, e que não se comanda. */
export const FOTO_VAZIA: Omit<Foto, "n" | "quando"> = {
  servidores: [],
  clientes: [],
  elos: [],
  tudo: 0,
  passo: false,
  pulsos: false,
  esperam: 0,
  cena: undefined,
  comandos: false,
  gravada: false,
};

/** Um acontecimento, antes de ter número. */
export type SemNumero = Acontecimento extends infer A
  ? A extends Acontecimento ? Omit<A, "n"> : never
  : never;

/** Um evento do fluxo, como vai. */
export interface Evento {
  readonly texto: string;
  /** Quantos acontecimentos leva; nenhum, é uma foto. */
  readonly quantos: number;
}

/** O diário; ver o módulo. */
export class Diario implements Disposable {
  readonly #agora: () => number;
  readonly #fotografar: () => Omit<Foto, "n" | "quando">;
  readonly #guardados: { readonly acontecimentos: number; fotos: number; caracteres: number };
  readonly #eventos: Evento[] = [];
  readonly #contas = { acontecimentos: 0, fotos: 0, caracteres: 0 };
  readonly #ouvintes = new Set<(evento: Evento) => void>();
  /** As mensagens que não foram mostradas ao sair: também não o são ao chegar. */
  readonly #omitidas = new Set<number>();
  #fatia: SemNumero[] = [];
  #mostradas = 0;
  #aMais = 0;
  /** Da fatia, as linhas de cada console. */
  readonly #linhas = new Map<Quem, number>();
  #mudou = false;
  #tique: ReturnType<typeof setTimeout> | undefined;
  #n = 0;

  /** @param fotografar Diz como está tudo, quando alguma coisa mudou. */
  constructor(
    agora: () => number,
    fotografar: () => Omit<Foto, "n" | "quando">,
    guardados: typeof GUARDADOS | { acontecimentos: number; fotos: number; caracteres: number } =
      GUARDADOS,
  ) {
    this.#agora = agora;
    this.#fotografar = fotografar;
    this.#guardados = guardados;
  }

  /** Aconteceu isto; `fotografar`, se muda também o que uma foto mostra. */
  anotar(acontecimento: SemNumero): void {
    if (this.#cabe(acontecimento)) this.#fatia.push(acontecimento);
    this.mudou();
  }

  /** Alguma coisa do que uma foto mostra mudou. */
  mudou(): void {
    this.#mudou = true;
    this.#tique ??= setTimeout(() => this.escrever(), TIQUE_MS);
  }

  /** Escreve já o que há por escrever. */
  escrever(): void {
    clearTimeout(this.#tique);
    this.#tique = undefined;
    const quando = this.#agora();
    const fatia = this.#fatia;
    if (this.#aMais > 0) fatia.push({ quando, tipo: "mais", quantas: this.#aMais });
    for (const [quem, quantas] of this.#linhas) {
      const demais = quantas - POR_TIQUE.linhas;
      if (demais <= 0) continue;
      fatia.push({ quando, tipo: "linha", quem, texto: `… e mais ${demais} linhas`, erro: true });
    }
    this.#fatia = [];
    this.#linhas.clear();
    [this.#mostradas, this.#aMais] = [0, 0];
    if (fatia.length > 0) {
      const lote = fatia.map((um) => ({ n: ++this.#n, ...um }));
      this.#guardar("lote", lote, lote.length);
    }
    if (!this.#mudou) return;
    this.#mudou = false;
    this.#guardar("foto", { n: ++this.#n, quando, ...this.#fotografar() }, 0);
  }

  /** Recebe o que está guardado e o que for acontecendo. Devolve como deixar de receber. */
  ouvir(ouvinte: (evento: Evento) => void): () => void {
    this.escrever();
    for (const evento of this.#eventos) ouvinte(evento);
    this.#ouvintes.add(ouvinte);
    return () => this.#ouvintes.delete(ouvinte);
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#tique);
    this.#ouvintes.clear();
  }

  /** Se um acontecimento ainda cabe na fatia. */
  #cabe(um: SemNumero): boolean {
    switch (um.tipo) {
      case "saiu":
        if (++this.#mostradas <= POR_TIQUE.mensagens) return true;
        this.#aMais++;
        this.#omitidas.add(um.id);
        return false;
      case "chegou":
      case "perdeu-se":
        return !this.#omitidas.delete(um.id);
      case "linha": {
        const quantas = (this.#linhas.get(um.quem) ?? 0) + 1;
        this.#linhas.set(um.quem, quantas);
        return quantas <= POR_TIQUE.linhas;
      }
      case "mais":
        return true;
    }
  }

  #guardar(evento: "foto" | "lote", dados: unknown, quantos: number): void {
    const texto = `id: ${this.#n}\nevent: ${evento}\ndata: ${JSON.stringify(dados)}\n\n`;
    const guardado = { texto, quantos };
    this.#eventos.push(guardado);
    this.#contas.acontecimentos += quantos;
    this.#contas.fotos += quantos === 0 ? 1 : 0;
    this.#contas.caracteres += texto.length;
    this.#esquecer();
    for (const ouvinte of this.#ouvintes) ouvinte(guardado);
  }

  /** Esquece o mais antigo do que não cabe; a última foto fica sempre. */
  #esquecer(): void {
    const [contas, cabem] = [this.#contas, this.#guardados];
    const demais = () =>
      contas.acontecimentos > cabem.acontecimentos || contas.fotos > cabem.fotos ||
      contas.caracteres > cabem.caracteres;
    let quantos = 0;
    while (demais() && quantos < this.#eventos.length - 1) {
      const velho = this.#eventos[quantos++]!;
      contas.acontecimentos -= velho.quantos;
      contas.fotos -= velho.quantos === 0 ? 1 : 0;
      contas.caracteres -= velho.texto.length;
    }
    this.#eventos.splice(0, quantos);
  }
}
