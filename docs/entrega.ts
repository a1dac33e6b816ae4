/**
 * A entrega que a seção 9 do enunciado pede: o relatório em PDF e um ZIP só, com
 * ele e o código fonte.
 *
 * ```sh
 * deno task entrega --nome="Fulana de Tal" --ra=11202200000 --video=https://youtu.be/abc
 * ```
 *
 * Faz `dist/entrega/relatorio.pdf` e, ao lado, `RA.zip`:
 *
 * ```text
 * RA.pdf                 o relatório
 * fonte/                 mensagem.ts, servidor.ts, cliente.ts e o deno.json deles
 * fonte/biblioteca/      o que usam da biblioteca padrão do Deno
 * ```
 *
 * O PDF sai de `docs/relatorio.md`, com os campos preenchidos e as linhas de cada
 * citação como o código as tem agora.
 *
 * @module
 */

import { createRequire } from "node:module";
import { parse } from "npm:@babel/parser@8.1.2";
// Estes dois são só letras: importá-los é o que faz Deno baixá-los.
import "npm:@expo-google-fonts/source-code-pro@0.4.1/package.json" with { type: "json" };
import "npm:@expo-google-fonts/source-serif-4@0.4.1/package.json" with { type: "json" };
import { strToU8, zipSync } from "npm:fflate@0.8.3";
import { create as abrirFonte } from "npm:fontkit@2.0.4";
import { marked, type Token, type Tokens } from "npm:marked@18.2.1";
// @ts-types="npm:@types/pdfmake@0.3.3"
import pdfmake from "npm:pdfmake@0.3.11";
import { lerArgumentos, lerOpcao } from "../lib/opcoes.ts";
import { textoDoErro } from "../lib/texto.ts";
import { VERSAO } from "../mensagem.ts";
import { CITACAO, type Fontes, lerFontes, lerRelatorio, renovar } from "./relatorio.ts";

/** O que só quem entrega sabe; cada um é um `{{campo}}` do relatório. */
export interface Campos {
  readonly nome: string;
  readonly ra: string;
  readonly video: string;
}

const RAIZ = new URL("../", import.meta.url);

/** Onde a entrega é feita, se não se diz outra pasta. */
const PASTA = new URL("dist/entrega/", RAIZ);

// === A página: medidas em pontos, letras e cores =============================

const PAGINA = { largura: 595.28, margem: 62, topo: 64, rodape: 66 } as const;

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

const COR = { texto: "#1c1c1c", titulo: "#12354f", citacao: "#1d5f8a", fundo: "#f4f5f7" } as const;

/** As letras: Source Serif para ler e Source Code para o código, que tem as linhas dos desenhos. */
const LETRAS = {
  Texto: ["source-serif-4", "SourceSerif4"],
  Codigo: ["source-code-pro", "SourceCodePro"],
} as const;

type Letra = keyof typeof LETRAS;

const PESOS = {
  normal: "400Regular",
  bold: "600SemiBold",
  italics: "400Regular_Italic",
  bolditalics: "600SemiBold_Italic",
} as const;

const resolver = createRequire(import.meta.url).resolve;

function arquivoDaLetra(letra: Letra, peso: keyof typeof PESOS): string {
  const [pacote, nome] = LETRAS[letra];
  return resolver(`@expo-google-fonts/${pacote}/${PESOS[peso]}/${nome}_${PESOS[peso]}.ttf`);
}

function arquivosDaLetra(letra: Letra) {
  return {
    normal: arquivoDaLetra(letra, "normal"),
    bold: arquivoDaLetra(letra, "bold"),
    italics: arquivoDaLetra(letra, "italics"),
    bolditalics: arquivoDaLetra(letra, "bolditalics"),
  };
}

/** Falha se a letra não tem algum caractere: no PDF ele seria um quadrado vazio. */
function conferirLetra(letra: Letra, texto: string): void {
  const fonte = abrirFonte(Deno.readFileSync(arquivoDaLetra(letra, "normal"))) as {
    hasGlyphForCodePoint(codigo: number): boolean;
  };
  const faltam = [...new Set(texto)].filter((c) => !fonte.hasGlyphForCodePoint(c.codePointAt(0)!));
  if (faltam.length > 0) {
    throw new Error(`A letra ${LETRAS[letra][1]} não tem: ${faltam.join(" ")}`);
  }
}

// === De Markdown a PDF =======================================================

type Documento = Parameters<typeof pdfmake.createPdf>[0];
type Conteudo = Exclude<Documento["content"], undefined>;

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
class Montador {
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
    const partes = new RegExp(`(${CITACAO.source}|\\{\\{\\w+\\}\\})`, "g");
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

const ESTILOS: NonNullable<Documento["styles"]> = {
  titulo1: { fontSize: 23, bold: true, color: COR.titulo, margin: [0, 0, 0, 8], lineHeight: 1.1 },
  titulo2: {
    fontSize: 15.5,
    bold: true,
    color: COR.titulo,
    margin: [0, 20, 0, 7],
    lineHeight: 1.1,
  },
  titulo3: { fontSize: 12, bold: true, color: COR.titulo, margin: [0, 11, 0, 4], lineHeight: 1.1 },
  paragrafo: { margin: [0, 0, 0, 7], alignment: "left" },
  lista: { margin: [0, 0, 0, 7] },
  item: { margin: [0, 0, 0, 3] },
  codigo: { margin: [0, 2, 0, 10] },
  tabela: { margin: [0, 2, 0, 11], fontSize: 9.6, lineHeight: 1.12 },
  cabecalho: { bold: true, color: COR.titulo },
  celula: {},
  indice: { fontSize: 13, bold: true, color: COR.titulo, margin: [0, 14, 0, 4] },
  indice2: { bold: true, fontSize: 10, lineHeight: 1 },
  indice3: { fontSize: 10, lineHeight: 1 },
};

/** O relatório em PDF, a partir do Markdown com as citações já em dia. */
export async function fazerPdf(markdown: string, campos: Campos): Promise<Uint8Array> {
  const montador = new Montador(campos);
  const content = montador.documento(markdown);
  const quem = `${campos.nome} · RA ${campos.ra}`;
  conferirLetra("Texto", montador.usados.Texto + quem);
  conferirLetra("Codigo", montador.usados.Codigo);
  pdfmake.setFonts({ Texto: arquivosDaLetra("Texto"), Codigo: arquivosDaLetra("Codigo") });
  // O índice é uma tabela sem linhas: com o espaço de costume, não caberia na primeira página.
  pdfmake.setTableLayouts({
    noBorders: {
      hLineWidth: () => 0,
      vLineWidth: () => 0,
      paddingLeft: () => 0,
      paddingRight: () => 0,
      paddingTop: () => 0.9,
      paddingBottom: () => 0.9,
    },
  });
  pdfmake.setUrlAccessPolicy(() => false);
  pdfmake.setLocalAccessPolicy((caminho) => caminho.endsWith(".ttf"));
  const buffer = await pdfmake.createPdf({
    info: { title: "Relatório: KV Store replicado", author: campos.nome },
    language: "pt-BR",
    pageSize: "A4",
    pageMargins: [PAGINA.margem, PAGINA.topo, PAGINA.margem, PAGINA.rodape],
    defaultStyle: { font: "Texto", fontSize: 10.6, lineHeight: 1.22, color: COR.texto },
    styles: ESTILOS,
    footer: (pagina: number, paginas: number) => ({
      columns: [
        { text: quem, color: "#6b7278" },
        { text: `${pagina} / ${paginas}`, alignment: "right", color: "#6b7278" },
      ],
      margin: [PAGINA.margem, 28, PAGINA.margem, 0],
      fontSize: 8.6,
    }),
    content,
  }).getBuffer();
  return new Uint8Array(buffer);
}

// === O ZIP ===================================================================

/** As tarefas de `deno.json` que vão com o código: as que só precisam dele. */
const TAREFAS = ["server", "client", "compile", "compile:linux", "compile:mac"];

/** As bibliotecas que as fontes importam, pelo nome; o que já vem com Deno não conta. */
function bibliotecasDe(fontes: Fontes): string[] {
  const nomes = Object.values(fontes).flatMap((fonte) =>
    parse(fonte, { sourceType: "module", plugins: ["typescript"] }).program.body.flatMap((no) =>
      no.type === "ImportDeclaration" ? [no.source.value] : []
    )
  );
  return [...new Set(nomes)].filter((nome) => !/^(\.|node:)/.test(nome)).sort();
}

/** Uma biblioteca num arquivo só, com tudo de que ela depende. */
async function empacotar(biblioteca: string): Promise<string> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["bundle", "-q", import.meta.resolve(biblioteca)],
    cwd: RAIZ,
    env: { NO_COLOR: "1" },
  }).output();
  if (code !== 0) {
    const motivo = new TextDecoder().decode(stderr).trim().split("\n")[0];
    throw new Error(`Não é possível empacotar ${biblioteca}: ${motivo}`);
  }
  // O comentário que diz de que arquivo veio cada parte mostra pastas desta máquina.
  const codigo = new TextDecoder().decode(stdout).replaceAll(/^\/\/ \.\.?\/.*\n/gm, "");
  const de = `${biblioteca}, da biblioteca padrão do Deno (https://jsr.io/@std)`;
  return `// ${de}, num arquivo só.\n// Copyright the Deno authors. MIT license.\n\n${codigo}`;
}

/** O código da entrega: os três arquivos, as bibliotecas, e um `deno.json` só para eles. */
async function codigoDaEntrega(fontes: Fontes): Promise<Fontes> {
  const bibliotecas = bibliotecasDe(fontes);
  const arquivo = (nome: string) => `biblioteca/${nome.split("/").at(-1)}.js`;
  const pacotes = bibliotecas.map(async (nome) => [arquivo(nome), await empacotar(nome)] as const);
  const { version, tasks, compilerOptions } = JSON.parse(
    await Deno.readTextFile(new URL("deno.json", RAIZ)),
  );
  const configuracao = {
    version,
    imports: Object.fromEntries(bibliotecas.map((nome) => [nome, `./${arquivo(nome)}`])),
    tasks: Object.fromEntries(TAREFAS.map((nome) => {
      const { description, command } = tasks[nome];
      return [nome, { description, command: command.replaceAll("$(deno task -q std) ", "") }];
    })),
    compilerOptions,
    lock: false,
    nodeModulesDir: "none",
  };
  return {
    ...fontes,
    "deno.json": JSON.stringify(configuracao, undefined, 2) + "\n",
    ...Object.fromEntries(await Promise.all(pacotes)),
  };
}

/** O arquivo único que se envia: `RA.pdf` e a pasta `fonte`. */
export async function fazerZip(
  pdf: Uint8Array,
  fontes: Fontes,
  ra: string,
): Promise<Uint8Array> {
  const codigo = Object.entries(await codigoDaEntrega(fontes));
  return zipSync({
    [`${ra}.pdf`]: pdf,
    ...Object.fromEntries(codigo.map(([nome, texto]) => [`fonte/${nome}`, strToU8(texto)])),
  });
}

// === O programa ==============================================================

const AJUDA = `Uso: entrega --nome=NOME --ra=RA --video=URL [--pasta=PASTA]

  --nome=NOME     quem entrega
  --ra=RA         o seu RA, que dá nome ao PDF e ao ZIP
  --video=URL     onde o vídeo pode ser visto
  --pasta=PASTA   onde pôr relatorio.pdf e RA.zip (dist/entrega)
  --ajuda, --versao`;

function lerNome(texto: string): string {
  if (!/\p{L}/u.test(texto)) throw new TypeError(`não parece um nome: "${texto}"`);
  return texto.trim();
}

function lerRa(texto: string): string {
  if (/^\w[\w.-]{0,30}$/.test(texto)) return texto;
  throw new TypeError(`deve ter só letras e números, que dá nome a arquivos: "${texto}"`);
}

function lerVideo(texto: string): string {
  if (/^https?:\/\//.test(texto) && URL.canParse(texto)) return texto;
  throw new TypeError(`deve ser um endereço https: "${texto}"`);
}

/** Lê as opções; um texto, se é só para mostrá-lo. @throws {TypeError} se falta alguma ou não serve. */
function lerLinhaDeComando(args: readonly string[]): Campos & { pasta: string | URL } | string {
  const lidos = lerArgumentos(args, { textos: ["nome", "ra", "video", "pasta"], sinais: [] });
  if (lidos.opcoes.ajuda) return AJUDA;
  if (lidos.opcoes.versao) return `entrega ${VERSAO}`;
  if (lidos.livres.length > 0) throw new TypeError(`Argumento inesperado: "${lidos.livres[0]}"`);
  const nome = lerOpcao(lidos, "nome", lerNome);
  const ra = lerOpcao(lidos, "ra", lerRa);
  const video = lerOpcao(lidos, "video", lerVideo);
  if (nome === undefined || ra === undefined || video === undefined) {
    const faltam = Object.entries({ nome, ra, video }).filter(([, valor]) => valor === undefined);
    const lista = new Intl.ListFormat("pt-BR").format(faltam.map(([opcao]) => `--${opcao}`));
    throw new TypeError(`${faltam.length > 1 ? "Faltam" : "Falta"} ${lista}; veja --ajuda`);
  }
  return { nome, ra, video, pasta: lidos.opcoes.pasta ?? PASTA };
}

/** Faz a entrega; devolve onde ficou. */
async function entregar(campos: Campos, pasta: string | URL): Promise<string> {
  const fontes = await lerFontes();
  const pdf = await fazerPdf(renovar(await lerRelatorio(), fontes), campos);
  const zip = await fazerZip(pdf, fontes, campos.ra);
  await Deno.mkdir(pasta, { recursive: true });
  const onde = await Deno.realPath(pasta);
  await Deno.writeFile(`${onde}/relatorio.pdf`, pdf);
  await Deno.writeFile(`${onde}/${campos.ra}.zip`, zip);
  return onde;
}

function mostrar(saida: { writeSync(bytes: Uint8Array): number }, linha: string): void {
  saida.writeSync(new TextEncoder().encode(linha + "\n"));
}

async function main(args: readonly string[]): Promise<number> {
  let opcoes: ReturnType<typeof lerLinhaDeComando>;
  try {
    opcoes = lerLinhaDeComando(args);
  } catch (erro) {
    mostrar(Deno.stderr, `ERRO: ${textoDoErro(erro)}`);
    return 2;
  }
  if (typeof opcoes === "string") {
    mostrar(Deno.stdout, opcoes);
    return 0;
  }
  try {
    const onde = await entregar(opcoes, opcoes.pasta);
    mostrar(Deno.stdout, `Prontos, em ${onde}: relatorio.pdf e ${opcoes.ra}.zip`);
    return 0;
  } catch (erro) {
    mostrar(Deno.stderr, `ERRO: ${textoDoErro(erro)}`);
    return 1;
  }
}

if (import.meta.main) Deno.exit(await main(Deno.args));
