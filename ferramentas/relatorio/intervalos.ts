/**
 * De um nome às linhas em que ele está: acha no código funções, constantes, tipos, classes, membros
 * de classe, e os trechos que um comentário abre.
 *
 * ```ts
 * import { acharIntervalo } from "./intervalos.ts";
 *
 * const fonte = "const UM = 1;\n\nfunction somar(n: number) {\n  return n + UM;\n}\n";
 * const { primeira, ultima } = acharIntervalo({ "lib/a.ts": fonte }, "lib/a.ts", "somar");
 * if (primeira !== 3 || ultima !== 5) throw new Error(`achou ${primeira}–${ultima}`);
 * ```
 *
 * @module
 */

import { parse } from "npm:@babel/parser@8.1.2";
import type { Fontes } from "./arquivos.ts";

/** Da primeira à última linha, contadas de 1 e incluídas. */
export interface Intervalo {
  readonly primeira: number;
  readonly ultima: number;
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

/** Os índices já feitos: um relatório cita o mesmo arquivo dezenas de vezes. */
const indices = new Map<string, Indice>();

function indexar(fonte: string): Indice {
  const feito = indices.get(fonte);
  if (feito) return feito;
  const arvore = analisar(fonte);
  const simbolos = arvore.program.body.flatMap((comando) => simbolosDoComando(comando, ""));
  const indice = { simbolos, trechos: acharTrechos(fonte, arvore.comments ?? [], simbolos) };
  indices.set(fonte, indice);
  return indice;
}

/** A árvore de uma fonte em TypeScript. */
export function analisar(fonte: string): Arvore {
  return parse(fonte, { sourceType: "module", plugins: ["typescript"] });
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

/** As primeiras palavras de um comentário, sem o que o desenha (`*`, `=`, `-`) e numa linha só. */
function textoDoComentario({ value }: Comentario): string {
  return value.replaceAll(/\n\s*\*/g, " ").replaceAll(/^[\s*=-]+|[\s*=-]+$/g, "")
    .replaceAll(/\s+/g, " ");
}
