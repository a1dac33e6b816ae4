/**
 * As opções da linha de comando: lidas, conferidas, e recusadas numa linha que diz qual.
 *
 * ```ts
 * import { inteiroEntre, lerArgumentos, lerOpcao } from "./opcoes.ts";
 *
 * const lidos = lerArgumentos(["--prazo=50", "--claro"], { textos: ["prazo"], sinais: ["claro"] });
 * if (lerOpcao(lidos, "prazo", inteiroEntre(1, 100)) !== 50) throw new Error("não leu");
 * if (!lidos.opcoes.claro) throw new Error("não viu o sinal");
 * ```
 *
 * @module
 */

import { parseArgs } from "@std/cli/parse-args";
import { citar, textoDoErro } from "./texto.ts";

/** As opções como vieram, por nome, e os argumentos sem nome. */
export interface Argumentos {
  /** O valor de cada opção, pelo nome sem os traços. */
  readonly opcoes: { readonly [nome: string]: string };
  /** Os argumentos sem nome, em ordem. */
  readonly livres: readonly string[];
}

/**
 * Lê `--nome=valor`, `--nome valor` e os sinais `--nome`; `--help`, `-h` e
 * `--version` valem `--ajuda` e `--versao`. Um sinal presente vale `"sim"`.
 *
 * @throws {TypeError} se uma opção não existe, ou lhe falta ou sobra um valor.
 */
export function lerArgumentos(
  args: readonly string[],
  nomes: { textos: readonly string[]; sinais: readonly string[] },
): Argumentos {
  const sinais = [...nomes.sinais, "ajuda", "versao"];
  const fim = args.indexOf("--");
  for (const arg of fim < 0 ? args : args.slice(0, fim)) {
    const [nome, valor] = arg.split("=", 2);
    if (valor !== undefined && sinais.some((sinal) => nome === `--${sinal}`)) {
      throw new TypeError(`A opção ${nome} não leva valor: ${citar(valor)}`);
    }
  }
  const lidos = parseArgs([...args], {
    string: [...nomes.textos, "_"],
    boolean: sinais,
    alias: { ajuda: ["help", "h"], versao: "version" },
    unknown: (arg: string, nome?: string) => {
      if (nome === undefined) return;
      const dica = !arg.startsWith("--")
        ? `; antes de um valor que começa com "-", ponha "--"`
        : "";
      throw new TypeError(`Opção desconhecida: ${citar(arg)}; veja --ajuda${dica}`);
    },
  }) as { readonly [nome: string]: unknown; readonly _: readonly (string | number)[] };
  const opcoes: { [nome: string]: string } = {};
  for (const nome of nomes.textos) {
    const valor = lidos[nome];
    if (valor === undefined) continue;
    if (valor === "") throw new TypeError(`A opção --${nome} precisa de um valor`);
    opcoes[nome] = String(valor);
  }
  for (const nome of sinais) if (lidos[nome] === true) opcoes[nome] = "sim";
  return { opcoes, livres: lidos._.map(String) };
}

/** Chama `ler` com o valor de uma opção; o erro, se houver, leva o nome dela. */
export function lerOpcao<T>(
  { opcoes }: Argumentos,
  nome: string,
  ler: (texto: string) => T,
): T | undefined {
  const texto = opcoes[nome];
  if (texto === undefined) return undefined;
  try {
    return ler(texto);
  } catch (erro) {
    throw new TypeError(`--${nome}: ${textoDoErro(erro)}`, { cause: erro });
  }
}

/** Um leitor de números inteiros entre dois limites, para {@linkcode lerOpcao}. */
export function inteiroEntre(minimo: number, maximo: number): (texto: string) => number {
  return (texto) => {
    const numero = /^\d{1,15}$/.test(texto) ? Number(texto) : NaN;
    if (numero >= minimo && numero <= maximo) return numero;
    throw new RangeError(`deve ser um inteiro de ${minimo} a ${maximo}: ${citar(texto)}`);
  };
}
