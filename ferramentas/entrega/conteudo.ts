/**
 * Do Markdown do relatório aos blocos que `pdfmake` põe em páginas, com os campos preenchidos e as
 * citações destacadas.
 *
 * ```ts
 * import { Montador } from "./conteudo.ts";
 *
 * const montador = new Montador({ nome: "Ana", ra: "1", video: "https://example.com/v" });
 * montador.documento("# Relatório\n\nNome: {{nome}}\n\n## I. Uma parte\n");
 * if (!montador.usados.Texto.includes("Nome: Ana")) throw new Error("não preencheu o campo");
 * ```
 *
 * @module
 */

import { marked, type Token, type Tokens } from "npm:marked@18.2.1";
import { CITACAO_NUMERADA } from "../relatorio/citacoes.ts";
import { type Conteudo, COR, PAGINA } from "./aparencia.ts";
import type { Letra } from "./letras.ts";

/** Espaço entre um bloco de código e o fundo cinza dele. */
const RECUO_DO_CODIGO = { lado: 10, altura: 7 } as const;

/** Tamanho da letra de um bloco de código; um bloco largo a tem menor, até o mínimo. */
const LETRA_DO_CODIGO = { maior: 8.6, menor: 7.2 } as const;

/** Largura de um caractere de Source Code Pro, em relação ao tamanho da letra. */
const LARGURA_DO_CARACTERE = 0.6;

/** Um parágrafo ou item até este comprimento não se parte entre duas páginas. */
const INTEIRO_MAX = 420;

/** Um código no meio do texto, até este comprimento, não se parte entre duas linhas. */
const CODIGO_INTEIRO_MAX = 40;

/** O que só quem entrega sabe; cada um é um `{{campo}}` do relatório. */
export interface Campos {
  readonly nome: string;
  readonly ra: string;
  readonly video: string;
}

/** Um pedaço de texto com a mesma aparência. */
interface Pedaco {
  text: string;
  font?: Letra;
  fontSize?: number;
  bold?: boolean;
  italics?: boolean;
  color?: string;
  link?: string;
  /** Se não se parte entre duas linhas. */
  noWrap?: boolean;
}

/** Monta o conteúdo do PDF, e guarda o que escreveu com cada letra, para conferir no fim. */
export class Montador {
  readonly #campos: Campos;
  /** O que já se escreveu com cada letra. */
  readonly usados: { [letra in Letra]: string } = { Texto: "", Codigo: "" };

  constructor(campos: Campos) {
    this.#campos = campos;
  }

  /** O documento inteiro: o título, o que vem antes da primeira parte, o índice e as partes. */
  documento(markdown: string): Conteudo[] {
    const blocos = marked.lexer(markdown);
    const parte = blocos.findIndex((bloco) => bloco.type === "heading" && bloco.depth === 2);
    return [
      ...this.#blocos(blocos.slice(0, parte)),
      {
        toc: { title: { text: this.#escrito("Índice", "Texto"), style: "indice" }, outlines: true },
      } as Conteudo,
      ...this.#blocos(blocos.slice(parte)),
    ];
  }

  /** Vários blocos. Um título, ou o que acaba em ":", fica na mesma página que o que vem a seguir. */
  #blocos(tokens: readonly Token[]): Conteudo[] {
    const conteudo: Conteudo[] = [];
    let juntos: Conteudo[] = [];
    for (const token of tokens) {
      if (token.type === "space") continue;
      juntos.push(this.#bloco(token));
      if (token.type === "heading" || (token.type === "paragraph" && token.raw.endsWith(":"))) {
        continue;
      }
      conteudo.push(juntos.length > 1 ? { stack: juntos, unbreakable: true } : juntos[0]!);
      juntos = [];
    }
    return [...conteudo, ...juntos];
  }

  #bloco(token: Token): Conteudo {
    switch (token.type) {
      case "heading":
        return this.#titulo(token as Tokens.Heading);
      case "paragraph":
        return this.#paragrafo((token as Tokens.Paragraph).tokens);
      case "code":
        return this.#codigo((token as Tokens.Code).text);
      case "list":
        return this.#lista(token as Tokens.List);
      case "table":
        return this.#tabela(token as Tokens.Table);
      default:
        throw new SyntaxError(`O relatório usa algo que o PDF não tem: ${token.type}`);
    }
  }

  #titulo({ depth, tokens }: Tokens.Heading): Conteudo {
    const titulo = { text: this.#pedacos(tokens), style: `titulo${depth}` };
    if (depth === 1) return titulo;
    const [tocStyle, tocMargin] = depth === 2
      ? ["indice2", [0, 3, 0, 0]] as const
      : ["indice3", [14, 0, 0, 0]] as const;
    return { ...titulo, tocItem: true, tocStyle, tocNumberStyle: tocStyle, tocMargin } as Conteudo;
  }

  #paragrafo(tokens: Token[]): Conteudo {
    const text = this.#pedacos(tokens);
    const tamanho = text.reduce((soma, pedaco) => soma + pedaco.text.length, 0);
    const paragrafo = { text, style: "paragrafo" };
    return tamanho > INTEIRO_MAX ? paragrafo : { stack: [paragrafo], unbreakable: true };
  }

  #codigo(texto: string): Conteudo {
    const { tamanho, linhas } = ajustarCodigo(texto);
    this.#escrito(texto, "Codigo");
    const codigo = linhas.map((linha) => ({
      text: linha === "" ? " " : linha,
      font: "Codigo",
      fontSize: tamanho,
      preserveLeadingSpaces: true,
      noWrap: true,
      lineHeight: 1,
    }));
    const { lado, altura } = RECUO_DO_CODIGO;
    return {
      table: {
        widths: ["*"],
        dontBreakRows: true,
        body: [[{ stack: codigo, fillColor: COR.fundo, margin: [lado, altura, lado, altura] }]],
      },
      layout: "noBorders",
      style: "codigo",
    };
  }

  #lista({ ordered, start, items }: Tokens.List): Conteudo {
    const itens = items.map((item) => {
      const stack = item.tokens.map((dentro) =>
        dentro.type === "text"
          ? { text: this.#pedacos((dentro as Tokens.Text).tokens ?? [dentro]), style: "item" }
          : this.#bloco(dentro)
      );
      return { stack, unbreakable: item.text.length <= INTEIRO_MAX };
    });
    return ordered
      ? { ol: itens, start: start || 1, style: "lista" }
      : { ul: itens, style: "lista", markerColor: COR.citacao };
  }

  #tabela({ header, rows }: Tokens.Table): Conteudo {
    const celula = ({ tokens }: Tokens.TableCell, style: string) => ({
      text: this.#pedacos(tokens),
      style,
    });
    return {
      table: {
        headerRows: 1,
        dontBreakRows: true,
        keepWithHeaderRows: 1,
        widths: header.map((_, n) => n === 0 ? "*" : "auto"),
        body: [
          header.map((h) => celula(h, "cabecalho")),
          ...rows.map((row) => row.map((c) => celula(c, "celula"))),
        ],
      },
      layout: {
        hLineWidth: (n: number) => n === 0 ? 0 : n === 1 ? 0.8 : 0.4,
        vLineWidth: () => 0,
        hLineColor: (n: number) => n === 1 ? COR.titulo : "#c9ced3",
        paddingLeft: (n: number) => n === 0 ? 0 : 6,
        paddingRight: () => 6,
        paddingTop: () => 3,
        paddingBottom: () => 3.5,
      },
      style: "tabela",
    };
  }

  /** O texto de um bloco, em pedaços: cada um com a sua letra. */
  #pedacos(tokens: readonly Token[], de: Partial<Pedaco> = {}): Pedaco[] {
    return juntarTextos(tokens).flatMap((token): Pedaco[] => {
      switch (token.type) {
        case "strong":
          return this.#pedacos((token as Tokens.Strong).tokens, { ...de, bold: true });
        case "em":
          return this.#pedacos((token as Tokens.Em).tokens, { ...de, italics: true });
        case "codespan":
          return [this.#emCodigo((token as Tokens.Codespan).text, de)];
        case "link": {
          const { href, tokens } = token as Tokens.Link;
          return this.#pedacos(tokens, { ...de, link: href, color: COR.citacao });
        }
        case "br":
          return [{ text: "\n" }];
        case "escape":
        case "text":
          return this.#texto((token as Tokens.Text).text, de);
        default:
          throw new SyntaxError(`O relatório usa algo que o PDF não tem: ${token.type}`);
      }
    });
  }

  /** Texto corrido: nele se destacam as citações e se preenchem os campos. */
  #texto(texto: string, de: Partial<Pedaco>): Pedaco[] {
    const pedacos: Pedaco[] = [];
    const corrido = texto.replaceAll("\n", " ");
    const partes = new RegExp(`(${CITACAO_NUMERADA.source}|\\{\\{\\w+\\}\\})`, "g");
    let fim = 0;
    for (const { 0: parte, index } of corrido.matchAll(partes)) {
      if (index > fim) pedacos.push(this.#corrido(corrido.slice(fim, index), de));
      fim = index + parte.length;
      if (parte.startsWith("[")) {
        pedacos.push(...this.#citacao(parte, de));
      } else {
        const campo = parte.slice(2, -2);
        const valor = this.#campos[campo as keyof Campos];
        if (valor === undefined) throw new SyntaxError(`O relatório tem um campo a mais: ${parte}`);
        const link = campo === "video" ? { link: valor, color: COR.citacao } : {};
        pedacos.push(this.#corrido(valor, { ...de, ...link }));
      }
    }
    if (fim < corrido.length) pedacos.push(this.#corrido(corrido.slice(fim), de));
    return pedacos;
  }

  #corrido(text: string, de: Partial<Pedaco>): Pedaco {
    return { ...de, text: this.#escrito(text, "Texto") };
  }

  #emCodigo(text: string, de: Partial<Pedaco>): Pedaco {
    const noWrap = text.length <= CODIGO_INTEIRO_MAX;
    return { fontSize: 9.2, noWrap, ...de, font: "Codigo", text: this.#escrito(text, "Codigo") };
  }

  /** Uma citação, que só se parte depois do arquivo ou depois das linhas. */
  #citacao(texto: string, de: Partial<Pedaco>): Pedaco[] {
    const [, arquivo, linhas, nome] = /^(\S+ )(\S+ \S+ )(.*)$/.exec(texto)!;
    return [arquivo!, linhas!, nome!].map((parte) =>
      this.#emCodigo(parte, { ...de, color: COR.citacao, fontSize: 8.3 })
    );
  }

  #escrito(texto: string, letra: Letra): string {
    this.usados[letra] += texto.replaceAll("\n", "");
    return texto;
  }
}

/** Textos vizinhos num só: o lexer os separa a cada colchete, e uma citação tem dois. */
function juntarTextos(tokens: readonly Token[]): Token[] {
  const juntos: Token[] = [];
  for (const token of tokens) {
    const anterior = juntos.at(-1);
    if (token.type === "text" && anterior?.type === "text") {
      juntos[juntos.length - 1] = { ...anterior, text: anterior.text + token.text } as Token;
    } else juntos.push(token);
  }
  return juntos;
}

/** A letra com que as linhas cabem na página; se nem a menor basta, as compridas são partidas. */
function ajustarCodigo(texto: string): { tamanho: number; linhas: string[] } {
  const linhas = texto.split("\n");
  const largura = PAGINA.largura - 2 * PAGINA.margem - 2 * RECUO_DO_CODIGO.lado;
  const maior = Math.max(...linhas.map((linha) => linha.length));
  const cabe = largura / (maior * LARGURA_DO_CARACTERE);
  if (cabe >= LETRA_DO_CODIGO.menor) {
    return { tamanho: Math.min(cabe, LETRA_DO_CODIGO.maior), linhas };
  }
  const tamanho = 7.8;
  const colunas = Math.floor(largura / (tamanho * LARGURA_DO_CARACTERE));
  return { tamanho, linhas: linhas.flatMap((linha) => partirLinha(linha, colunas)) };
}

/** Parte uma linha comprida entre palavras; o resto vai recuado, sob a segunda coluna se há uma. */
function partirLinha(linha: string, colunas: number): string[] {
  if (linha.length <= colunas) return [linha];
  const corte = linha.lastIndexOf(" ", colunas);
  const recuo = " ".repeat(/^ *\S+(?: \S+)* {3,}|^ +|^/.exec(linha)![0].length || 4);
  if (corte <= recuo.length) return [linha];
  return [linha.slice(0, corte), ...partirLinha(recuo + linha.slice(corte + 1), colunas)];
}
