/**
 * Uma corrida vista pelos rastros que os seus processos escrevem (`--rastro` de cada um), enquanto
 * os escrevem ou depois de acabada.
 *
 * @module
 */

import { type Evento, lerRastro, parear, type Seta } from "../../ferramentas/diagrama/setas.ts";
import { citar, textoDoErro } from "../../lib/texto.ts";
import { Diario, FOTO_VAZIA } from "./diario.ts";
import { ehCalada, mostravel, type Noticia } from "./noticias.ts";
import { Pareador } from "./pareador.ts";
import { Projecao } from "./projecao.ts";
import type { Servico } from "./servir.ts";
import type { Foto, Quem } from "./tipos.ts";

/** De quanto em quanto se vê se os rastros cresceram, em milissegundos. */
const VER_MS = 100;

/** Bytes que se leem de um rastro por vez. */
const LER_BYTES = 1024 * 1024;

/** De uma corrida gravada, cada foto mostra o que aconteceu em tantos milissegundos. */
const FATIA_MS = 50;

/** O que se guarda de uma corrida gravada, que vai toda a quem a pede. */
const GUARDADOS = { acontecimentos: 20_000, fotos: 20_000, caracteres: 64_000_000 } as const;

/** Clientes que se mostram: os últimos que apareceram. */
const CLIENTES_MAX = 8;

/**
 * Abre os rastros; de uma corrida gravada, lê-os até ao fim.
 *
 * @throws {Error} se algum não pode ser lido.
 */
export async function abrirRastros(
  arquivos: readonly string[],
  { gravada }: { readonly gravada: boolean },
): Promise<Servico & AsyncDisposable> {
  const abertos: Arquivo[] = [];
  try {
    for (const caminho of arquivos) abertos.push(await Arquivo.abrir(caminho));
    const eventos = await Promise.all(abertos.map((arquivo) => arquivo.ler()));
    if (!gravada) return new RastrosVivos(abertos, eventos);
    if (eventos.every(({ length }) => length === 0)) {
      throw new Error("Os rastros não têm mensagens");
    }
    abertos.forEach((arquivo) => arquivo[Symbol.dispose]());
    return reverTudo(eventos);
  } catch (erro) {
    abertos.forEach((arquivo) => arquivo[Symbol.dispose]());
    throw erro;
  }
}

/** Um rastro, lido à medida que cresce. */
class Arquivo implements Disposable {
  readonly #arquivo: Deno.FsFile;
  readonly #decodificador = new TextDecoder();
  #resto = "";
  #fechado = false;

  private constructor(arquivo: Deno.FsFile) {
    this.#arquivo = arquivo;
  }

  static async abrir(caminho: string): Promise<Arquivo> {
    try {
      return new Arquivo(await Deno.open(caminho));
    } catch (cause) {
      const motivo = textoDoErro(cause);
      throw new Error(`não é possível ler o rastro ${citar(caminho)}: ${motivo}`, { cause });
    }
  }

  /** O que há de novo. */
  async ler(): Promise<Evento[]> {
    const bytes = new Uint8Array(LER_BYTES);
    const eventos: Evento[] = [];
    for (let n; !this.#fechado && (n = await this.#arquivo.read(bytes));) {
      const texto = this.#resto +
        this.#decodificador.decode(bytes.subarray(0, n), { stream: true });
      const fim = texto.lastIndexOf("\n") + 1;
      this.#resto = texto.slice(fim);
      for (const evento of lerRastro(texto.slice(0, fim))) eventos.push(evento);
    }
    return eventos;
  }

  [Symbol.dispose](): void {
    if (this.#fechado) return;
    this.#fechado = true;
    this.#arquivo.close();
  }
}

/** O que se sabe de uma corrida de que só se veem os rastros. */
class Vista {
  readonly projecao = new Projecao();
  readonly #clientes = new Set<Quem>();
  /** A ordem por que se mostram os servidores: a dos seus rastros. */
  readonly #ordem = new Map<Quem, number>();

  /** Quem escreveu cada rastro: um servidor, que se chama pelo endereço, ou um cliente. */
  conhecer(rastros: readonly (readonly Evento[])[]): void {
    for (const [n, eventos] of rastros.entries()) {
      for (const { quem } of eventos) {
        if (!ehServidor(quem)) this.#clientes.add(quem);
        else if (!this.#ordem.has(quem)) {
          this.#ordem.set(quem, n);
          this.projecao.conhecer(quem, false);
          this.projecao.receber({ tipo: "iniciou", quando: 0, quem, tabela: [] });
        }
      }
    }
  }

  /** Quem pede sem escrever um rastro também é um cliente, que se conhece pelo seu endereço. */
  ver({ de, mensagem: { tipo } }: Extract<Noticia, { tipo: "saiu" }>): void {
    if ((tipo !== "PUT" && tipo !== "GET") || this.#ordem.has(de)) return;
    this.#clientes.delete(de);
    this.#clientes.add(de);
  }

  foto(gravada: boolean): Omit<Foto, "n" | "quando"> {
    const servidores = [...this.#ordem].sort(([, a], [, b]) => a - b);
    return {
      ...FOTO_VAZIA,
      servidores: servidores.map(([quem], n) => ({
        quem,
        nome: `Servidor ${n + 1}`,
        endereco: quem,
        atraso: 0,
        ...this.projecao.servidor(quem),
      })),
      clientes: [...this.#clientes].slice(-CLIENTES_MAX).map((quem) => ({
        quem,
        nome: quem,
        timestamps: this.projecao.timestamps(quem),
        situacao: "",
      })),
      gravada,
    };
  }
}

/** Toma nota de uma notícia, na projeção e no diário. */
function anotar(noticia: Noticia, vista: Vista, diario: Diario): void {
  vista.projecao.receber(noticia);
  if (noticia.tipo === "saiu") {
    vista.ver(noticia);
    const { ligacao: _, ...acontecimento } = noticia;
    diario.anotar(acontecimento);
  } else if (noticia.tipo === "chegou" || noticia.tipo === "perdeu-se") diario.anotar(noticia);
  else diario.mudou();
}

/** Uma corrida que não se muda. */
abstract class SemComandos implements Servico {
  abstract readonly diario: Diario;
  readonly cenas = [];

  pedir(): Promise<void> {
    return Promise.reject(new Error("Só se veem os rastros desta corrida: não recebe pedidos"));
  }
}

/** Rastros que ainda crescem. */
class RastrosVivos extends SemComandos implements AsyncDisposable {
  readonly diario: Diario;
  readonly #arquivos: readonly Arquivo[];
  readonly #vista = new Vista();
  readonly #pareador: Pareador;
  readonly #parada = new AbortController();
  readonly #lendo: Promise<void>;

  constructor(arquivos: readonly Arquivo[], jaLidos: readonly (readonly Evento[])[]) {
    super();
    this.#arquivos = arquivos;
    const agora = () => performance.timeOrigin + performance.now();
    const inicio = jaLidos.flat().reduce(
      (menor, { quando }) => Math.min(menor, quando),
      agora(),
    );
    this.diario = new Diario(() => agora() - inicio, () => this.#vista.foto(false));
    this.#pareador = new Pareador(inicio);
    this.#receber(jaLidos, agora());
    this.diario.mudou();
    this.#lendo = this.#seguir(agora);
  }

  async #seguir(agora: () => number): Promise<void> {
    const { signal } = this.#parada;
    while (!signal.aborted) {
      await new Promise<void>((resolver) => {
        const acabar = () => {
          clearTimeout(temporizador);
          signal.removeEventListener("abort", acabar);
          resolver();
        };
        const temporizador = setTimeout(acabar, VER_MS);
        signal.addEventListener("abort", acabar);
      });
      const eventos = await Promise.all(this.#arquivos.map((arquivo) => arquivo.ler()));
      this.#receber(eventos, agora());
    }
  }

  #receber(eventos: readonly (readonly Evento[])[], agora: number): void {
    this.#vista.conhecer(eventos);
    for (const noticia of this.#pareador.receber(eventos.flat(), agora)) {
      anotar(noticia, this.#vista, this.diario);
    }
    if (eventos.some(({ length }) => length > 0)) this.diario.mudou();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#parada.abort();
    await this.#lendo;
    this.#arquivos.forEach((arquivo) => arquivo[Symbol.dispose]());
    this.diario[Symbol.dispose]();
  }
}

/** Uma corrida gravada: acontece toda de uma vez, cada coisa com a sua hora. */
class Gravada extends SemComandos implements AsyncDisposable {
  readonly diario: Diario;

  constructor(diario: Diario) {
    super();
    this.diario = diario;
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.diario[Symbol.dispose]();
    return Promise.resolve();
  }
}

function reverTudo(rastros: readonly (readonly Evento[])[]): Gravada {
  const vista = new Vista();
  let agora = 0;
  const diario = new Diario(() => agora, () => vista.foto(true), GUARDADOS);
  vista.conhecer(rastros);
  diario.mudou();
  diario.escrever();
  let fatia = 0;
  for (const noticia of noticiasDe(parear(rastros.flat()))) {
    if (noticia.quando - fatia > FATIA_MS) {
      diario.escrever();
      fatia = noticia.quando;
    }
    agora = noticia.quando;
    anotar(noticia, vista, diario);
  }
  diario.escrever();
  return new Gravada(diario);
}

/** As notícias de uma corrida acabada, por ordem. */
function noticiasDe(setas: readonly Seta[]): Noticia[] {
  const mostradas = setas.filter(({ mensagem }) => !ehCalada(mensagem));
  const horas = mostradas.flatMap(({ saida, chegada }) => [saida ?? chegada!, chegada ?? saida!]);
  const inicio = horas.reduce((menor, hora) => Math.min(menor, hora), Infinity);
  const noticias = mostradas.flatMap(({ de, para, fio, mensagem, saida, chegada }, n) => {
    const quando = (saida ?? chegada!) - inicio;
    const chega = chegada === undefined ? undefined : chegada - inicio;
    const id = n + 1;
    const ultima: Noticia = chega === undefined
      ? { tipo: "perdeu-se", quando, id }
      : { tipo: "chegou", quando: chega, id };
    const saiu: Noticia = {
      tipo: "saiu",
      quando,
      id,
      de,
      para,
      mensagem: mostravel(mensagem),
      chega,
      ligacao: fio,
    };
    return [saiu, ultima];
  });
  return noticias.sort((a, b) => a.quando - b.quando);
}

/** Um servidor chama-se pelo endereço onde atende; um cliente, `cliente PID`. */
function ehServidor(quem: Quem): boolean {
  return /:\d+$/.test(quem);
}
