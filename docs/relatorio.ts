/**
 * As citações do relatório (`docs/relatorio.md`): cada uma diz um arquivo, um
 * intervalo de linhas e o nome do que está nelas, e é o nome que manda. Este
 * módulo acha no código as linhas de cada nome e, como programa, põe em dia as do
 * relatório.
 *
 * ```sh
 * deno task relatorio    # renova os números das linhas em docs/relatorio.md
 * ```
 *
 * Uma citação se escreve `[servidor.ts, linhas 1–2: #tratarPut]`. O nome é o de
 * uma função, constante, tipo, classe ou membro de classe (`Servidor.main`, se
 * `main` só não basta), e o intervalo vai do comentário de documentação dele até
 * onde ele acaba; ou é o começo de um comentário (`Seção 5c. Requisição PUT`), e
 * o intervalo é o do que ele documenta ou, se é um comentário de trecho, o do
 * trecho, até o próximo.
 *
 * @module
 */

import { parse } from "npm:@babel/parser@8.1.2";
import { lerArgumentos } from "../lib/opcoes.ts";
import { textoDoErro } from "../lib/texto.ts";

/** Os arquivos de um programa, por nome. */
export type Fontes = { readonly [arquivo: string]: string };

/** Da primeira à última linha, contadas de 1 e incluídas. */
export interface Intervalo {
  readonly primeira: number;
  readonly ultima: number;
}

/** Uma citação, como está no texto. */
export interface Citacao extends Intervalo {
  readonly arquivo: string;
  /** O símbolo, ou o começo do comentário. */
  readonly nome: string;
}

/** Os arquivos que o relatório explica, na ordem em que se leem: são os da entrega. */
export const ARQUIVOS = ["mensagem.ts", "servidor.ts", "cliente.ts"] as const;

const RAIZ = new URL("../", import.meta.url);
const RELATORIO = new URL("relatorio.md", import.meta.url);

// === Das fontes aos intervalos ===============================================

type Arvore = ReturnType<typeof parse>;
type Comando = Arvore["program"]["body"][number];
type Classe = Extract<Comando, { type: "ClassDeclaration" }>;
type Membro = Classe["body"]["body"][number];
type Comentario = NonNullable<Comando["leadingComments"]>[number];

/** O que se pode citar pelo nome: onde está, e em que classe ou função. */
interface Simbolo extends Intervalo {
  /** Com as classes e funções de fora: `Servidor.Replicador.#contar`. */
  readonly caminho: string;
  /** O comentário de documentação, se há. */
  readonly doc: Comentario | undefined;
}

/** O trecho que um comentário de linha abre: dele até o próximo da mesma altura, ou o fim da classe. */
interface Trecho extends Intervalo {
  readonly titulo: string;
}

/** O que um arquivo tem de citável. */
interface Indice {
  readonly simbolos: readonly Simbolo[];
  readonly trechos: readonly Trecho[];
}

/**
 * As linhas do que um nome diz.
 *
 * @throws {Error} se nada no arquivo tem esse nome, ou mais de uma coisa.
 */
export function acharIntervalo(fontes: Fontes, arquivo: string, nome: string): Intervalo {
  const fonte = fontes[arquivo];
  if (fonte === undefined) throw new Error(`${arquivo} não é um dos arquivos da entrega`);
  const { simbolos, trechos } = indexar(fonte);
  const achados: Intervalo[] = [
    ...simbolos.filter(({ caminho }) => caminho === nome || caminho.endsWith(`.${nome}`)),
    ...simbolos.filter(({ doc }) => doc && textoDoComentario(doc).startsWith(nome)),
    ...trechos.filter(({ titulo }) => titulo.startsWith(nome)),
  ];
  const [achado] = achados;
  if (!achado) throw new Error(`${arquivo} não tem "${nome}"`);
  if (achados.length > 1) {
    const linhas = achados.map(({ primeira }) => primeira).join(", ");
    throw new Error(`${arquivo} tem mais de um "${nome}": nas linhas ${linhas}`);
  }
  return { primeira: achado.primeira, ultima: achado.ultima };
}

/** Os índices já feitos: um relatório cita o mesmo arquivo dezenas de vezes. */
const indices = new Map<string, Indice>();

function indexar(fonte: string): Indice {
  const feito = indices.get(fonte);
  if (feito) return feito;
  const arvore = parse(fonte, { sourceType: "module", plugins: ["typescript"] });
  const simbolos = arvore.program.body.flatMap((comando) => simbolosDoComando(comando, ""));
  const indice = { simbolos, trechos: acharTrechos(fonte, arvore.comments ?? [], simbolos) };
  indices.set(fonte, indice);
  return indice;
}

/** Os símbolos que um comando declara, e os de dentro deles. */
function simbolosDoComando(comando: Comando, fora: string): Simbolo[] {
  const declaracao = comando.type === "ExportNamedDeclaration" && comando.declaration
    ? comando.declaration
    : comando;
  const simbolo = (nome: string) => umSimbolo(comando, fora + nome);
  switch (declaracao.type) {
    case "ClassDeclaration": {
      const classe = simbolo(declaracao.id!.name);
      return [classe, ...simbolosDaClasse(declaracao.body.body, classe.caminho)];
    }
    case "FunctionDeclaration": {
      const funcao = simbolo(declaracao.id!.name);
      const dentro = declaracao.body.body.filter(({ type }) => type === "FunctionDeclaration");
      return [funcao, ...dentro.flatMap((c) => simbolosDoComando(c, `${funcao.caminho}.`))];
    }
    case "VariableDeclaration":
      return declaracao.declarations.flatMap(({ id }) =>
        id.type === "Identifier" ? [simbolo(id.name)] : []
      );
    case "TSInterfaceDeclaration":
    case "TSTypeAliasDeclaration":
      return [simbolo(declaracao.id.name)];
    default:
      return [];
  }
}

/** Os membros de uma classe; e, se um deles é outra classe, os dela. */
function simbolosDaClasse(membros: readonly Membro[], fora: string): Simbolo[] {
  return membros.flatMap((membro) => {
    if (!("key" in membro)) return [];
    const { key } = membro;
    const nome = key.type === "PrivateName"
      ? `#${key.id.name}`
      : key.type === "Identifier"
      ? key.name
      : undefined;
    if (nome === undefined) return [];
    const simbolo = umSimbolo(membro, `${fora}.${nome}`);
    const valor = "value" in membro ? membro.value : undefined;
    return typeof valor === "object" && valor?.type === "ClassExpression"
      ? [simbolo, ...simbolosDaClasse(valor.body.body, simbolo.caminho)]
      : [simbolo];
  });
}

function umSimbolo(no: Comando | Membro, caminho: string): Simbolo {
  const { start, end } = no.loc!;
  // Documenta o que vem na linha seguinte; um comentário mais acima é outra coisa.
  const doc = no.leadingComments?.findLast(({ type, value, loc }) =>
    type === "CommentBlock" && value.startsWith("*") && loc?.end.line === start.line - 1
  );
  return { caminho, doc, primeira: doc?.loc?.start.line ?? start.line, ultima: end.line };
}

/** As primeiras palavras de um comentário, sem o que o desenha (`*`, `=`, `-`) e numa linha só. */
function textoDoComentario({ value }: Comentario): string {
  return value.replaceAll(/\n\s*\*/g, " ").replaceAll(/^[\s*=-]+|[\s*=-]+$/g, "")
    .replaceAll(/\s+/g, " ");
}

/** Um comentário de linha que abre um trecho: `// --- Título ---` ou `// Seção 5b. …`. */
const ABRE_TRECHO = /^ (?:(?:---|===) |Seção \d)/;

function acharTrechos(
  fonte: string,
  comentarios: readonly Comentario[],
  simbolos: readonly Simbolo[],
): Trecho[] {
  const linhas = fonte.split("\n");
  const inicios = comentarios.filter(({ type, value }) =>
    type === "CommentLine" && ABRE_TRECHO.test(value)
  );
  return inicios.map((comentario) => {
    const primeira = comentario.loc!.start.line;
    const parte = comentario.value.startsWith(" ===");
    // Um título e a seção que vem logo abaixo dele abrem o mesmo trecho.
    const proximo = inicios.find(({ value, loc }) =>
      loc!.start.line > primeira + 1 && (!parte || value.startsWith(" ==="))
    )?.loc?.start.line ?? linhas.length + 1;
    const fimDeFora = simbolos.filter((s) =>
      s.primeira < primeira && s.ultima > primeira
    )
      .map((s) => s.ultima);
    let ultima = Math.min(proximo, ...fimDeFora) - 1;
    while (linhas[ultima - 1]!.trim() === "") ultima--;
    return { titulo: textoDoComentario(comentario), primeira, ultima };
  });
}

// === As citações do texto ====================================================

/** Uma citação: arquivo, primeira e última linha, e nome, com os espaços (ou quebras) que há entre eles. */
export const CITACAO = /\[([\w-]+\.ts),(\s+)linhas?(\s+)(\d+)(?:–(\d+))?:(\s+)([^\][]+)\]/g;

/** O que parece querer ser uma citação, bem escrita ou não. */
const QUASE_CITACAO = /\[[\w-]+\.ts\b[^\]]*\]/g;

/** As citações de um texto, na ordem. */
export function lerCitacoes(texto: string): Citacao[] {
  return [...texto.matchAll(CITACAO)].map(([, arquivo, , , primeira, ultima, , nome]) => ({
    arquivo: arquivo!,
    primeira: Number(primeira),
    ultima: Number(ultima ?? primeira),
    nome: nome!.replaceAll(/\s+/g, " "),
  }));
}

/**
 * O mesmo texto com as linhas de cada citação como o código as tem.
 *
 * @throws {SyntaxError} se algo entre colchetes começa como uma citação e não é.
 * @throws {Error} se um nome citado não está no código, ou está mais de uma vez.
 */
export function renovar(texto: string, fontes: Fontes): string {
  const certas = new Set<string>(texto.match(CITACAO));
  const ruim = texto.match(QUASE_CITACAO)?.find((quase) => !certas.has(quase));
  if (ruim) {
    throw new SyntaxError(
      `Citação mal escrita: "${ruim}"; o certo é [arquivo.ts, linhas 1–2: nome]`,
    );
  }
  return texto.replaceAll(CITACAO, (_, arquivo, antes, meio, _primeira, _ultima, depois, nome) => {
    const { primeira, ultima } = acharIntervalo(fontes, arquivo, nome.replaceAll(/\s+/g, " "));
    const linhas = primeira === ultima
      ? `linha${meio}${primeira}`
      : `linhas${meio}${primeira}–${ultima}`;
    return `[${arquivo},${antes}${linhas}:${depois}${nome}]`;
  });
}

// === Os arquivos e o programa ================================================

/** Lê do projeto os arquivos que o relatório cita. */
export async function lerFontes(): Promise<Fontes> {
  const lidos = ARQUIVOS.map(async (nome) =>
    [nome, await Deno.readTextFile(new URL(nome, RAIZ))] as const
  );
  return Object.fromEntries(await Promise.all(lidos));
}

/** Lê o relatório, como está escrito. */
export function lerRelatorio(): Promise<string> {
  return Deno.readTextFile(RELATORIO);
}

const AJUDA = `Uso: relatorio [--renovar]

  --renovar     põe em dia, em docs/relatorio.md, as linhas de cada citação
  sem opções    só confere: sai com 1 se alguma está desatualizada`;

async function main(args: readonly string[]): Promise<number> {
  let opcoes: { readonly [nome: string]: string };
  try {
    ({ opcoes } = lerArgumentos(args, { textos: [], sinais: ["renovar"] }));
  } catch (erro) {
    mostrar(Deno.stderr, `ERRO: ${textoDoErro(erro)}`);
    return 2;
  }
  if (opcoes.ajuda) {
    mostrar(Deno.stdout, AJUDA);
    return 0;
  }
  try {
    const texto = await lerRelatorio();
    const renovado = renovar(texto, await lerFontes());
    const quantas = `${lerCitacoes(texto).length} citações`;
    if (renovado === texto) mostrar(Deno.stdout, `${quantas}, todas em dia`);
    else if (!opcoes.renovar) throw new Error("há citações desatualizadas: deno task relatorio");
    else {
      await Deno.writeTextFile(RELATORIO, renovado);
      mostrar(Deno.stdout, `${quantas}, renovadas`);
    }
    return 0;
  } catch (erro) {
    mostrar(Deno.stderr, `ERRO: ${textoDoErro(erro)}`);
    return 1;
  }
}

function mostrar(saida: { writeSync(bytes: Uint8Array): number }, linha: string): void {
  saida.writeSync(new TextEncoder().encode(linha + "\n"));
}

if (import.meta.main) Deno.exit(await main(Deno.args));
