/**
 * O que se espera: um segundo leitor do protocolo, que diz quantas respostas cabem a cada id e
 * de que tipo, e se as que vieram são essas.
 *
 * @module
 */

import type { Json } from "../apoio.ts";
import { CANARIO, codificador, KEY_BYTES_MAX, LINHA_BYTES_MAX } from "./comum.ts";

type Classe = "GET" | "PUT" | "PULSE" | "ERRO";

/** O que cabe a uma sessão. */
export interface Esperadas {
  /** Quantas respostas de cada classe, para cada id ("-", sem id). */
  readonly porId: Map<string, { readonly [classe in Classe]: number }>;
  /** Keys pedidas em GET, e as escritas. */
  readonly lidas: Set<string>;
  readonly escritas: Set<string>;
  total: number;
  /** Bytes até o fim da linha que faz o servidor fechar a conexão; `undefined`, nenhuma faz. */
  fecha: number | undefined;
  /** Se acaba em meia linha: o ERRO dela só vem com o fim da conexão. */
  meia: boolean;
}

function inteiro(valor: unknown): boolean {
  return Number.isSafeInteger(valor) && (valor as number) >= 0;
}

function texto(valor: unknown): valor is string {
  return typeof valor === "string" && valor.isWellFormed();
}

function classificar(item: Json): Classe {
  if (typeof item !== "object" || item === null || Array.isArray(item)) return "ERRO";
  if (item.id !== undefined && !inteiro(item.id)) return "ERRO";
  if (item.tipo === "PULSE") return "PULSE";
  if (!texto(item.key) || item.key === "") return "ERRO";
  if (codificador.encode(item.key).length > KEY_BYTES_MAX) return "ERRO";
  if (item.tipo === "PUT") return texto(item.value) ? "PUT" : "ERRO";
  if (item.tipo !== "GET") return "ERRO";
  return item.timestamp === undefined || inteiro(item.timestamp) ? "GET" : "ERRO";
}

/** O que cabe a quem manda estes bytes. */
export function prever(bytes: Uint8Array): Esperadas {
  const esperadas: Esperadas = {
    porId: new Map(),
    lidas: new Set(),
    escritas: new Set(),
    total: 0,
    fecha: undefined,
    meia: false,
  };
  const esperar = (classe: Classe, id: unknown) => {
    const nome = inteiro(id) ? String(id) : "-";
    const antes = esperadas.porId.get(nome) ?? { GET: 0, PUT: 0, PULSE: 0, ERRO: 0 };
    esperadas.porId.set(nome, { ...antes, [classe]: antes[classe] + 1 });
    esperadas.total++;
  };
  const decodificador = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  for (let inicio = 0; inicio < bytes.length;) {
    const fim = bytes.indexOf(10, inicio);
    if (fim < 0) {
      esperadas.meia = true;
      esperar("ERRO", undefined);
      break;
    }
    const linha = bytes.subarray(inicio, bytes[fim - 1] === 13 && fim > inicio ? fim - 1 : fim);
    inicio = fim + 1;
    let itens: Json[];
    try {
      if (linha.length > LINHA_BYTES_MAX) throw new RangeError();
      const texto = decodificador.decode(linha);
      try {
        itens = [JSON.parse(texto)].flat();
      } catch {
        esperar("ERRO", undefined);
        continue;
      }
    } catch {
      esperar("ERRO", undefined);
      esperadas.fecha = inicio;
      break;
    }
    for (const item of itens) {
      const classe = classificar(item);
      if (classe === "GET") esperadas.lidas.add(item.key);
      if (classe === "PUT") esperadas.escritas.add(item.key);
      esperar(classe, item?.id);
    }
  }
  return esperadas;
}

const CLASSE_DA_RESPOSTA: { readonly [tipo: string]: Classe } = {
  GET_OK: "GET",
  TRY_OTHER_SERVER_OR_LATER: "GET",
  PUT_OK: "PUT",
  PULSE_OK: "PULSE",
  ERRO: "ERRO",
};

/** O que há de errado numa resposta por si só. */
function estranheza(resposta: Json, { lidas, escritas }: Esperadas): string | undefined {
  const { tipo, id, key, value, timestamp, erro, definitivo } = resposta ?? {};
  const classe = Object.hasOwn(CLASSE_DA_RESPOSTA, tipo) ? CLASSE_DA_RESPOSTA[tipo] : undefined;
  if (!classe) return "tipo inesperado";
  if (id !== undefined && !inteiro(id)) return "id que não é inteiro";
  if (classe === "ERRO") {
    return texto(erro) && typeof definitivo === "boolean" ? undefined : "ERRO malformado";
  }
  if (classe === "PULSE") return undefined;
  if (!inteiro(timestamp)) return "timestamp que não é inteiro";
  if (!(classe === "PUT" ? escritas : lidas).has(key)) return "key que ninguém pediu";
  if (tipo !== "GET_OK") return undefined;
  if (CANARIO.has(key)) return value === CANARIO.get(key) ? undefined : "canário mudado";
  return value === null || texto(value) ? undefined : "value malformado";
}

/** Confere as respostas de uma sessão inteira. */
export function conferir(esperadas: Esperadas, respostas: readonly Json[]): string | undefined {
  const vindas = new Map<string, { [tipo: string]: number }>();
  for (const resposta of respostas) {
    const porque = estranheza(resposta, esperadas);
    if (porque) return `${porque}: ${JSON.stringify(resposta).slice(0, 300)}`;
    const nome = String(resposta.id ?? "-");
    const contas = vindas.get(nome) ?? { GET: 0, PUT: 0, PULSE: 0, ERRO: 0, indefinidos: 0 };
    contas[CLASSE_DA_RESPOSTA[resposta.tipo]!]!++;
    if (resposta.tipo === "ERRO" && !resposta.definitivo) contas.indefinidos!++;
    vindas.set(nome, contas);
  }
  for (const nome of new Set([...esperadas.porId.keys(), ...vindas.keys()])) {
    const cabem = esperadas.porId.get(nome) ?? { GET: 0, PUT: 0, PULSE: 0, ERRO: 0 };
    const vieram = vindas.get(nome) ?? { GET: 0, PUT: 0, PULSE: 0, ERRO: 0, indefinidos: 0 };
    const soma = (c: { [classe: string]: number }) => c.GET! + c.PUT! + c.PULSE! + c.ERRO!;
    // Um PUT válido pode ter um ERRO no lugar do PUT_OK; o resto é certo.
    const certo = soma(cabem) === soma(vieram) && cabem.GET === vieram.GET &&
      cabem.PULSE === vieram.PULSE && vieram.PUT! <= cabem.PUT && vieram.indefinidos! <= cabem.PUT;
    if (!certo) {
      return `respostas ao id ${nome}: cabiam ${JSON.stringify(cabem)}, vieram ${
        JSON.stringify(vieram)
      }`;
    }
  }
  return undefined;
}
